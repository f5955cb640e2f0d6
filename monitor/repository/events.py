"""Alert events: one row per API and alert, from the first window over the limit to the one that closed it, with its samples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.repository.pages import page_of
from monitor.tables import alert_event, alert_sample
from openplatform.sql import Database

MAX_SAMPLES = 180
"""Three hours of minutes: as much as a small chart can show."""
EventState = Literal["all", "open", "pending", "alerting", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """One API's alert under one rule, or one app's quota; api_name None = the rule watches no single API. The columns' comments
    say the rest."""

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
    notified_at: datetime | None
    closed_at: datetime | None = None
    app_key: str | None = None
    over_windows: int = 1
    is_pending: bool = False
    threshold: float | None = None
    acked_at: datetime | None = None
    acked_by: str = ""
    ack_note: str = ""

    @property
    def subject(self) -> str | None:
        """What the event is about: an API, an app_key, or None for the call logs themselves."""
        return self.app_key if self.app_key is not None else self.api_name


class EventMissing(Exception):
    """No event has this id."""


_ACK = ("acked_at", "acked_by", "ack_note")
_COLUMNS = tuple(column.name for column in alert_event.columns if column.name != "id")


async def open_events(connection: AsyncConnection) -> Sequence[AlertEvent]:
    """All open alerts of all rules, pending ones too, oldest first."""
    rows = await connection.execute(
        sa.select(alert_event).where(alert_event.c.closed_at.is_(None)).order_by(alert_event.c.id)
    )
    return [AlertEvent(**row._mapping) for row in rows]


async def save_event(connection: AsyncConnection, event: AlertEvent) -> int:
    """Inserts an event without id, updates one with an id (never its acknowledgement: that is the operators'); its id."""
    values = {name: getattr(event, name) for name in _COLUMNS}
    if event.id:
        kept = {name: value for name, value in values.items() if name not in _ACK}
        await connection.execute(sa.update(alert_event).where(alert_event.c.id == event.id).values(kept))
        return event.id
    result = await connection.execute(sa.insert(alert_event).values(values))
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted


async def drop_event(connection: AsyncConnection, event: AlertEvent) -> None:
    """Forgets a pending event that became no alert: nobody was told of it."""
    await connection.execute(sa.delete(alert_sample).where(alert_sample.c.event_id == event.id))
    await connection.execute(sa.delete(alert_event).where(alert_event.c.id == event.id))


async def add_samples(connection: AsyncConnection, at: datetime, values: Iterable[tuple[int, float]]) -> None:
    """(event id, value) of one window."""
    rows = [{"event_id": event_id, "at": at, "value": value} for event_id, value in values]
    if rows:
        await connection.execute(sa.insert(alert_sample), rows)


async def samples_of(connection: AsyncConnection, event_ids: Sequence[int]) -> dict[int, list[tuple[datetime, float]]]:
    """The latest samples of each event, at most 180 of it, oldest first."""
    numbered = (
        sa.select(
            alert_sample,
            sa.func.row_number()
            .over(partition_by=alert_sample.c.event_id, order_by=alert_sample.c.at.desc())
            .label("age"),
        )
        .where(alert_sample.c.event_id.in_(event_ids))
        .subquery()
    )
    rows = await connection.execute(
        sa.select(numbered.c.event_id, numbered.c.at, numbered.c.value)
        .where(numbered.c.age <= MAX_SAMPLES)
        .order_by(numbered.c.at)
    )
    found: dict[int, list[tuple[datetime, float]]] = {event_id: [] for event_id in event_ids}
    for row in rows:
        found[row.event_id].append((row.at, row.value))
    return found


async def find_event(connection: AsyncConnection, event_id: int) -> AlertEvent:
    """Raises EventMissing."""
    row = (await connection.execute(sa.select(alert_event).where(alert_event.c.id == event_id))).first()
    if row is None:
        raise EventMissing
    return AlertEvent(**row._mapping)


async def acknowledge(connection: AsyncConnection, event_id: int, *, by: str, note: str, now: datetime) -> AlertEvent:
    """Notes that somebody looks after the alert; a later note replaces an earlier one. Raises EventMissing."""
    values = {"acked_at": now, "acked_by": by, "ack_note": note}
    await connection.execute(sa.update(alert_event).where(alert_event.c.id == event_id).values(values))
    return await find_event(connection, event_id)


async def page_of_events(
    database: Database,
    *,
    state: EventState = "all",
    rule_id: int | None = None,
    api_name: str | None = None,
    page_no: int,
    page_size: int,
) -> tuple[int, Sequence[AlertEvent]]:
    """(how many there are, one page newest first). open = pending and alerting; api_name: a part of the name or app_key."""
    is_open, is_pending = alert_event.c.closed_at.is_(None), alert_event.c.is_pending
    states: dict[EventState, list[sa.ColumnElement[bool]]] = {
        "all": [],
        "open": [is_open],
        "pending": [is_open, is_pending],
        "alerting": [is_open, ~is_pending],
        "closed": [~is_open],
    }
    conditions = states[state]
    if rule_id is not None:
        conditions = [*conditions, alert_event.c.rule_id == rule_id]
    if api_name is not None:
        named = (
            column.contains(api_name, autoescape=True) for column in (alert_event.c.api_name, alert_event.c.app_key)
        )
        conditions = [*conditions, sa.or_(*named)]
    newest = alert_event.c.id.desc()
    total, rows = await page_of(database, alert_event, conditions, newest, page_no=page_no, page_size=page_size)
    return total, [AlertEvent(**row._mapping) for row in rows]
