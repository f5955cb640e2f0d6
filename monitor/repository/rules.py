"""Alert rules: what is watched, over which limit it alarms, and who is told."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.tables import alert_rule
from openplatform.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule. metric: mean_ms, p95_ms, error_rate (percent), or blind (seconds of lag); threshold in the metric's unit."""

    id: int = 0
    name: str
    api_name: str | None
    metric: str
    threshold: float
    window_s: int
    min_calls: int
    severity: str
    recipients: tuple[str, ...]
    enabled: bool = True
    version: int = 1
    create_time: datetime
    update_time: datetime


async def seed_rule(database: Database, rule: AlertRule) -> None:
    """Makes the rule, or brings it to what the settings say now; a rule that an operator edited (version > 1) stays as it is."""
    values = {
        "api_name": rule.api_name,
        "metric": rule.metric,
        "threshold": rule.threshold,
        "window_s": rule.window_s,
        "min_calls": rule.min_calls,
        "severity": rule.severity,
        "recipients": ",".join(rule.recipients),
    }

    async def write(connection: AsyncConnection) -> None:
        known = await connection.execute(sa.select(alert_rule.c.id).where(alert_rule.c.name == rule.name))
        if known.first() is not None:
            is_ours = (alert_rule.c.name == rule.name) & (alert_rule.c.version == 1)
            await connection.execute(sa.update(alert_rule).where(is_ours).values(values))
            return
        times = {"create_time": rule.create_time, "update_time": rule.update_time}
        await connection.execute(
            sa.insert(alert_rule).values({"name": rule.name, "enabled": True, "version": 1, **values, **times})
        )

    # Another monitor that starts at the same time may have made it, from the same settings.
    with suppress(IntegrityError):
        await database.run(write)


async def enabled_rules(database: Database) -> Sequence[AlertRule]:
    """Rules in force, oldest first."""
    async with database.read() as connection:
        rows = await connection.execute(sa.select(alert_rule).where(alert_rule.c.enabled).order_by(alert_rule.c.id))
        return [_rule(row) for row in rows]


async def all_rules(database: Database) -> Sequence[AlertRule]:
    """All rules, oldest first; there are as many as operators made."""
    async with database.read() as connection:
        rows = await connection.execute(sa.select(alert_rule).order_by(alert_rule.c.id))
        return [_rule(row) for row in rows]


def _rule(row: sa.Row[tuple[object, ...]]) -> AlertRule:
    values = dict(row._mapping)
    values["recipients"] = tuple(word for word in values["recipients"].split(",") if word)
    return AlertRule(**values)
