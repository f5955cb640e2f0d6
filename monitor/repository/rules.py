"""Alert rules: what is watched, over which limit it alarms, and who is told."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.repository.pages import page_of
from monitor.tables import alert_event, alert_rule
from openplatform.sql import Database


class Recipient(NamedTuple):
    """Who gets a rule's mails. language: `zh` or `en`."""

    address: str
    language: str = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule. threshold: in the metric's unit, see service/judgement.py; active_days: ISO weekdays; the columns' comments say
    the rest."""

    id: int = 0
    name: str
    api_name: str | None
    metric: str
    threshold: float
    window_s: int
    min_calls: int
    pending_windows: int = 0
    severity: str
    recipients: tuple[Recipient, ...]
    runbook_url: str = ""
    enabled: bool = True
    built_in: bool = False
    version: int = 1
    create_time: datetime
    update_time: datetime
    updated_by: str = ""
    deleted_at: datetime | None = None
    active_days: tuple[int, ...] = ()
    active_from: str | None = None
    active_to: str | None = None


class RuleMissing(Exception):
    """No rule has this id."""


class RuleStale(Exception):
    """Somebody else edited the rule since the version that this change started from."""


class RuleNameTaken(Exception):
    """Another rule has this name."""


async def seed_rule(database: Database, rule: AlertRule) -> None:
    """Makes the rule, or brings it to what the settings say now; a rule that an operator edited (version > 1) stays as it is."""
    values = {
        "api_name": rule.api_name,
        "metric": rule.metric,
        "threshold": rule.threshold,
        "window_s": rule.window_s,
        "min_calls": rule.min_calls,
        "severity": rule.severity,
        "recipients": _joined(rule.recipients),
    }

    async def write(connection: AsyncConnection) -> None:
        known = await connection.execute(sa.select(alert_rule.c.id).where(alert_rule.c.name == rule.name))
        if known.first() is not None:
            is_ours = (alert_rule.c.name == rule.name) & (alert_rule.c.version == 1)
            await connection.execute(sa.update(alert_rule).where(is_ours).values(values))
            return
        await connection.execute(sa.insert(alert_rule).values(_columns(rule)))

    # Another monitor that starts at the same time may have made it, from the same settings.
    with suppress(IntegrityError):
        await database.run(write)


async def enabled_rules(database: Database) -> Sequence[AlertRule]:
    """Rules in force, oldest first."""
    in_force = alert_rule.c.enabled & alert_rule.c.deleted_at.is_(None)
    async with database.read() as connection:
        rows = await connection.execute(sa.select(alert_rule).where(in_force).order_by(alert_rule.c.id))
        return [_rule(row) for row in rows]


async def page_of_rules(
    database: Database,
    *,
    q: str | None = None,
    metric: str | None = None,
    enabled: bool | None = None,
    page_no: int,
    page_size: int,
) -> tuple[int, Sequence[AlertRule]]:
    """(how many there are, one page oldest first), without those that were deleted. q: a part of the name or the API's name."""
    conditions: list[sa.ColumnElement[bool]] = [alert_rule.c.deleted_at.is_(None)]
    if q is not None:
        named = (column.icontains(q, autoescape=True) for column in (alert_rule.c.name, alert_rule.c.api_name))
        conditions.append(sa.or_(*named))
    if metric is not None:
        conditions.append(alert_rule.c.metric == metric)
    if enabled is not None:
        conditions.append(alert_rule.c.enabled.is_(enabled))
    total, rows = await page_of(database, alert_rule, conditions, alert_rule.c.id, page_no=page_no, page_size=page_size)
    return total, [_rule(row) for row in rows]


async def rule_names(database: Database) -> dict[int, str]:
    """id → name of every rule that was not deleted, by name."""
    known = sa.select(alert_rule.c.id, alert_rule.c.name).where(alert_rule.c.deleted_at.is_(None))
    async with database.read() as connection:
        return {row.id: row.name for row in await connection.execute(known.order_by(alert_rule.c.name))}


async def rules_by_id(database: Database, ids: Iterable[int | None]) -> dict[int, AlertRule]:
    """id → rule of those among them, also of those that were deleted."""
    wanted = alert_rule.c.id.in_({rule_id for rule_id in ids if rule_id is not None})
    async with database.read() as connection:
        return {row.id: _rule(row) for row in await connection.execute(sa.select(alert_rule).where(wanted))}


async def find_rule(connection: AsyncConnection, rule_id: int) -> AlertRule:
    """Raises RuleMissing for one that is not there, or was deleted."""
    query = sa.select(alert_rule).where(alert_rule.c.id == rule_id, alert_rule.c.deleted_at.is_(None))
    row = (await connection.execute(query)).first()
    if row is None:
        raise RuleMissing
    return _rule(row)


async def add_rule(connection: AsyncConnection, rule: AlertRule) -> int:
    """Writes a new rule; its id. Raises RuleNameTaken."""
    try:
        async with connection.begin_nested():
            result = await connection.execute(sa.insert(alert_rule).values(_columns(rule)))
    except IntegrityError as error:
        raise RuleNameTaken from error
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted


async def edit_rule(
    connection: AsyncConnection, rule_id: int, version: int, changes: Mapping[str, Any], *, by: str, now: datetime
) -> None:
    """Writes the changes over the rule, if it is at this version. Raises RuleMissing, RuleStale, RuleNameTaken."""
    values = _stored(changes) | {"version": version + 1, "update_time": now, "updated_by": by}
    try:
        async with connection.begin_nested():
            await _write(connection, rule_id, version, values)
    except IntegrityError as error:
        raise RuleNameTaken from error


async def delete_rule(connection: AsyncConnection, rule: AlertRule, version: int, *, by: str, now: datetime) -> None:
    """Takes the rule out of force for good and frees its name; its alerts end. Raises RuleMissing, RuleStale."""
    number = f" #{rule.id}"
    name = rule.name[: 50 - len(number)] + number
    values = {"name": name, "enabled": False, "deleted_at": now, "version": version + 1, "updated_by": by}
    await _write(connection, rule.id, version, values)
    still_open = (alert_event.c.rule_id == rule.id) & alert_event.c.closed_at.is_(None)
    await connection.execute(sa.update(alert_event).where(still_open).values(closed_at=now, detail="rule deleted"))


async def _write(connection: AsyncConnection, rule_id: int, version: int, values: Mapping[str, Any]) -> None:
    is_it = (alert_rule.c.id == rule_id) & (alert_rule.c.version == version) & alert_rule.c.deleted_at.is_(None)
    written = await connection.execute(sa.update(alert_rule).where(is_it).values(dict(values)))
    if written.rowcount == 0:
        await find_rule(connection, rule_id)
        raise RuleStale


def _columns(rule: AlertRule) -> dict[str, Any]:
    columns = {column.name: getattr(rule, column.name) for column in alert_rule.columns if column.name != "id"}
    return _stored(columns)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with lists as the texts that stand in columns."""
    stored = dict(values)
    if "recipients" in stored:
        stored["recipients"] = _joined(stored["recipients"])
    if "active_days" in stored:
        stored["active_days"] = ",".join(map(str, sorted(set(stored["active_days"]))))
    return stored


def _joined(recipients: Sequence[Recipient]) -> str:
    # `a@b.c` is to be written to in Chinese, `a@b.c en` in English; an address holds neither blanks nor commas.
    return ",".join(r.address if r.language == "zh" else f"{r.address} {r.language}" for r in recipients)


def _rule(row: sa.Row[tuple[object, ...]]) -> AlertRule:
    values = dict(row._mapping)
    values["recipients"] = tuple(Recipient(*word.split(" ")) for word in values["recipients"].split(",") if word)
    values["active_days"] = tuple(int(day) for day in values["active_days"].split(",") if day)
    return AlertRule(**values)
