"""Operators' preferences, one document each."""

import sqlalchemy as sa

from admin_api.tables.access import operator_preferences
from openplatform.sql import AsyncConnection

_P = operator_preferences.c


async def kept_preferences(connection: AsyncConnection, user_id: int) -> str | None:
    """The JSON text, None = nothing yet."""
    return (await connection.execute(sa.select(_P.body).where(_P.user_id == user_id))).scalar_one_or_none()


async def keep_preferences(connection: AsyncConnection, user_id: int, body: str) -> None:
    """Writes over what there was."""
    written = sa.update(operator_preferences).where(_P.user_id == user_id).values(body=body)
    if await kept_preferences(connection, user_id) is None:
        await connection.execute(sa.insert(operator_preferences).values(user_id=user_id, body=body))
    else:
        await connection.execute(written)


async def forget_preferences(connection: AsyncConnection, user_id: int) -> None:
    """The operator is deleted."""
    await connection.execute(sa.delete(operator_preferences).where(_P.user_id == user_id))
