"""Silences: until when which alerts send no mail, who said so and why. The alerts themselves go on and are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.repository.pages import page_of
from monitor.tables import alert_silence
from openplatform.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """rule_id, api_name: None = any. ended_at: when it was taken back before its time."""

    id: int = 0
    rule_id: int | None
    api_name: str | None
    until: datetime
    reason: str
    created_by: str
    create_time: datetime
    ended_at: datetime | None = None
    ended_by: str = ""

    def covers(self, rule_id: int, subject: str | None) -> bool:
        """Whether it silences this rule's alert about this API (or app_key)."""
        return self.rule_id in (None, rule_id) and self.api_name in (None, subject)


class SilenceMissing(Exception):
    """No silence has this id."""


async def silences_at(connection: AsyncConnection, now: datetime) -> Sequence[Silence]:
    """Those in force."""
    in_force = (alert_silence.c.until > now) & alert_silence.c.ended_at.is_(None)
    return [Silence(**row._mapping) for row in await connection.execute(sa.select(alert_silence).where(in_force))]


async def add_silence(connection: AsyncConnection, silence: Silence) -> Silence:
    """Writes a new one."""
    columns = {column.name: getattr(silence, column.name) for column in alert_silence.columns if column.name != "id"}
    result = await connection.execute(sa.insert(alert_silence).values(columns))
    return await _find(connection, int(result.inserted_primary_key[0]))  # type: ignore[index]  # one row was inserted


async def end_silence(connection: AsyncConnection, silence_id: int, *, by: str, now: datetime) -> Silence:
    """Takes it back; one that is over stays as it was. Raises SilenceMissing."""
    is_it = (alert_silence.c.id == silence_id) & (alert_silence.c.until > now) & alert_silence.c.ended_at.is_(None)
    await connection.execute(sa.update(alert_silence).where(is_it).values(ended_at=now, ended_by=by))
    return await _find(connection, silence_id)


async def page_of_silences(
    database: Database, now: datetime, *, in_force_only: bool, page_no: int, page_size: int
) -> tuple[int, Sequence[Silence]]:
    """(how many there are, one page newest first)."""
    in_force = [alert_silence.c.until > now, alert_silence.c.ended_at.is_(None)]
    conditions = in_force if in_force_only else []
    newest = alert_silence.c.id.desc()
    total, rows = await page_of(database, alert_silence, conditions, newest, page_no=page_no, page_size=page_size)
    return total, [Silence(**row._mapping) for row in rows]


async def _find(connection: AsyncConnection, silence_id: int) -> Silence:
    row = (await connection.execute(sa.select(alert_silence).where(alert_silence.c.id == silence_id))).first()
    if row is None:
        raise SilenceMissing
    return Silence(**row._mapping)
