"""Links by which an operator sets a password once."""

from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.access import password_link
from admin_api.tables.rows import Row, find_row
from openplatform.sql import AsyncConnection

_L = password_link.c


async def add_link(
    connection: AsyncConnection, token_hash: str, user_id: int, *, now: datetime, expire_time: datetime
) -> None:
    """Writes a link; those before it are gone."""
    await forget_links_of(connection, user_id)
    values = {"token_hash": token_hash, "user_id": user_id, "create_time": now, "expire_time": expire_time}
    await connection.execute(sa.insert(password_link).values(values))


async def find_link(connection: AsyncConnection, token_hash: str) -> Row | None:
    """The link, locked; None = there is none, or it was used."""
    return await find_row(connection, sa.select(password_link).where(_L.token_hash == token_hash).with_for_update())


async def forget_links_of(connection: AsyncConnection, user_id: int) -> None:
    """No link of this operator works any more."""
    await connection.execute(sa.delete(password_link).where(_L.user_id == user_id))
