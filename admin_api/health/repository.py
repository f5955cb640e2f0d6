"""What waits in admin_api's own database."""

from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.platform import config_outbox
from openplatform.sql import AsyncConnection


async def waiting_changes(connection: AsyncConnection) -> tuple[int, datetime | None, int]:
    """(how many changes are not in Redis yet, since when the oldest waits, the newest change that is there; 0 = none)."""
    is_waiting = config_outbox.c.sent_time.is_(None)
    query = sa.select(sa.func.count(), sa.func.min(config_outbox.c.create_time)).where(is_waiting)
    count, oldest = (await connection.execute(query)).one()
    newest = sa.select(sa.func.max(config_outbox.c.id)).where(config_outbox.c.sent_time.is_not(None))
    return int(count), oldest, (await connection.execute(newest)).scalar_one() or 0
