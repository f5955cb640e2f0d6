"""Secrets that were replaced, and all secrets that live."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.apps import app_info, app_secret_history
from admin_api.tables.rows import Row, fetch_rows
from openplatform.sql import AsyncConnection

_HISTORY = app_secret_history.c


async def add_replaced(connection: AsyncConnection, row: Row) -> None:
    """Keeps a replaced secret."""
    await connection.execute(sa.insert(app_secret_history).values(row))


async def replaced_secrets_of(connection: AsyncConnection, app_id: int) -> list[Row]:
    """Newest first, without the secrets themselves."""
    h = _HISTORY
    shown = (h.id, h.kid, h.create_time, h.expire_time, h.retired_time, h.last_used_time)
    return await fetch_rows(connection, sa.select(*shown).where(h.app_id == app_id).order_by(h.id.desc()))


async def retire_all_of(connection: AsyncConnection, app_id: int, now: datetime) -> None:
    """Ends every replaced secret of the app."""
    await _retire(connection, now, _HISTORY.app_id == app_id)


async def retire_one(connection: AsyncConnection, secret_id: int, now: datetime) -> None:
    """Ends one replaced secret."""
    await _retire(connection, now, _HISTORY.id == secret_id)


async def retire_expired(connection: AsyncConnection, now: datetime) -> Sequence[int]:
    """Ends the replaced secrets whose time is over; returns the ids of their apps."""
    over = (_HISTORY.retired_time.is_(None), _HISTORY.expire_time <= now)
    app_ids = (await connection.execute(sa.select(_HISTORY.app_id).distinct().where(*over))).scalars().all()
    if app_ids:
        await _retire(connection, now, *over)
    return app_ids


async def living_secrets(connection: AsyncConnection) -> list[tuple[str, str]]:
    """(app_key, sealed secret) of all apps, in force or replaced and still accepted."""
    current = sa.select(app_info.c.app_key, app_info.c.app_secret)
    replaced = (
        sa.select(app_info.c.app_key, _HISTORY.secret)
        .join(app_info, app_info.c.id == _HISTORY.app_id)
        .where(_HISTORY.retired_time.is_(None))
    )
    return [(row[0], row[1]) for query in (current, replaced) for row in await connection.execute(query)]


async def secrets_of(connection: AsyncConnection, app_id: int) -> tuple[list[str], list[str]]:
    """The app's replaced secrets, sealed, newest first: those that still live, and those that have ended."""
    query = sa.select(_HISTORY.secret, _HISTORY.retired_time).where(_HISTORY.app_id == app_id)
    rows = (await connection.execute(query.order_by(_HISTORY.id.desc()).limit(20))).all()
    return [r.secret for r in rows if r.retired_time is None], [r.secret for r in rows if r.retired_time is not None]


async def _retire(connection: AsyncConnection, now: datetime, *conditions: sa.ColumnElement[bool]) -> None:
    ended = sa.update(app_secret_history).where(*conditions, _HISTORY.retired_time.is_(None))
    await connection.execute(ended.values(retired_time=now))
