"""Alert events: one row per API and alert, from the window that opened it to the one that closed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.tables import alert_event
from openplatform.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """One API's alert under one rule; api_name None = the rule watches no single API. The columns' comments say the rest."""

    id: int = 0
    rule_id: int
    alert_group: str
    api_name: str | None
    value: float | None
    peak: float | None
    calls: int | None
    errors: int | None
    p95_ms: float | None
    detail: str
    thread_id: str
    clean_windows: int = 0
    opened_at: datetime
    seen_at: datetime
    notified_at: datetime
    closed_at: datetime | None = None


_COLUMNS = tuple(column.name for column in alert_event.columns if column.name != "id")


async def open_events(connection: AsyncConnection) -> Sequence[AlertEvent]:
    """All open alerts of all rules, oldest first."""
    rows = await connection.execute(
        sa.select(alert_event).where(alert_event.c.closed_at.is_(None)).order_by(alert_event.c.id)
    )
    return [AlertEvent(**row._mapping) for row in rows]


async def save_event(connection: AsyncConnection, event: AlertEvent) -> None:
    """Inserts an event without id, updates one with an id."""
    values = {name: getattr(event, name) for name in _COLUMNS}
    if event.id:
        await connection.execute(sa.update(alert_event).where(alert_event.c.id == event.id).values(values))
    else:
        await connection.execute(sa.insert(alert_event).values(values))


async def page_of_events(
    database: Database, *, is_open: bool | None, page_no: int, page_size: int
) -> tuple[int, Sequence[AlertEvent]]:
    """(how many there are, one page newest first). is_open None = open and closed ones."""
    condition: sa.ColumnElement[bool] = sa.true()
    if is_open is not None:
        condition = alert_event.c.closed_at.is_(None) if is_open else alert_event.c.closed_at.is_not(None)
    async with database.read() as connection:
        total = await connection.execute(sa.select(sa.func.count()).select_from(alert_event).where(condition))
        rows = await connection.execute(
            sa.select(alert_event)
            .where(condition)
            .order_by(alert_event.c.id.desc())
            .limit(page_size)
            .offset((page_no - 1) * page_size)
        )
        return int(total.scalar_one()), [AlertEvent(**row._mapping) for row in rows]
