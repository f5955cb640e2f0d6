"""The queries behind an app's quota: how often its counter was reset."""

from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.access import admin_audit_log
from openplatform.sql import AsyncConnection


async def resets_since(connection: AsyncConnection, table: str, app_id: int, action: str, since: datetime) -> int:
    """How many audit rows tell of that action on the app since then."""
    audit = admin_audit_log.c
    query = sa.select(sa.func.count()).where(
        audit.table_name == table, audit.row_id == str(app_id), audit.action == action, audit.create_time >= since
    )
    return int((await connection.execute(query)).scalar_one())
