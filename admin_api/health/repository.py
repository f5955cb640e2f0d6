"""Changes on their way, in admin_api's own database."""

from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.platform import config_outbox
from openplatform.records import ConfigKind
from openplatform.sql import AsyncConnection


async def waiting_changes(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """How many changes are not in Redis yet, and since when the oldest waits."""
    is_waiting = config_outbox.c.sent_time.is_(None)
    query = sa.select(sa.func.count(), sa.func.min(config_outbox.c.create_time)).where(is_waiting)
    count, oldest = (await connection.execute(query)).one()
    return int(count), oldest


async def is_waiting(connection: AsyncConnection, kind: ConfigKind, key: str) -> bool:
    """Whether a change of this record is not in Redis yet."""
    o = config_outbox.c
    query = sa.select(o.id).where(o.sent_time.is_(None), o.kind == kind, o.key == key).limit(1)
    return (await connection.execute(query)).first() is not None
