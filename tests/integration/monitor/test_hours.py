"""A rule with hours, judged minute by minute: mails come inside them, alerts at all hours."""

import sqlalchemy as sa

from monitor.tables import alert_event, alert_rule
from openplatform.records import AppUse
from openplatform.sql import Database
from tests.integration.monitor.world import (
    START,
    EverybodyHolds,
    TurnedClock,
    WrittenStatistics,
    WrittenUsage,
    evaluation,
    kinds,
    open_apis,
    outbox,
    watch,
)

# START is Tuesday, 2025-11-25 00:00 in Shanghai.
TUESDAYS = {"active_days": "2", "active_from": "00:10", "active_to": "00:50"}


async def limit_hours(database: Database, **hours: str) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.update(alert_rule).values(hours))


async def test_what_still_stands_when_the_hours_begin_is_told_then_and_once(database: Database) -> None:
    """Before them an alert opens without a mail; in them it is mailed, reminded of and ended as always, one mail per window and
    recipient; what begins and ends outside is told to nobody."""
    statistics, clock = WrittenStatistics(), TurnedClock()
    await watch(database, EverybodyHolds(), statistics, clock).seed()
    await limit_hours(database, **TUESDAYS)
    minutes = evaluation(database, statistics, clock)

    def mean_ms(minute: int) -> dict[str, float]:
        slow = {"night": range(2, 6), "lasts": range(5, 45), "evening": range(48, 55)}
        return {name: 2000.0 if minute - START in over else 10.0 for name, over in slow.items()}

    statistics.mean_ms = mean_ms
    for minute in range(START, START + 10):
        await minutes.evaluate(60 * minute)
    assert await open_apis(database) == ["lasts"]
    assert await outbox(database) == []
    for minute in range(START + 10, START + 60):
        await minutes.evaluate(60 * minute)
        assert await minutes.evaluate(60 * minute) == "already"
    assert await kinds(database) == [("opened", 10), ("reminder", 40), ("closed", 46), ("opened", 48)]
    mails = await outbox(database)
    assert len(mails) == 8
    assert "lasts | 2000 | 0 | 10 | 0.0% | 1000 | +0% | 已持续 5 分钟" in mails[0].body_text
    assert all("night" not in mail.body_text for mail in mails)
    async with database.read() as connection:
        rows = (await connection.execute(sa.select(alert_event).order_by(alert_event.c.id))).all()
    assert [(row.api_name, row.notified_at is not None, row.closed_at is not None) for row in rows] == [
        ("night", False, True),
        ("lasts", True, True),
        ("evening", True, True),
    ]
    for minute in range(START + 24 * 60, START + 24 * 60 + 20):  # Wednesday
        statistics.mean_ms = lambda _: {"lasts": 2000.0}
        await minutes.evaluate(60 * minute)
    assert len(await outbox(database)) == 8
    assert await open_apis(database) == ["lasts"]


async def test_an_apps_quota_waits_for_the_hours_even_if_it_rests_when_they_begin(database: Database) -> None:
    """Its use is seen at all hours; the first window of the hours asks for all that moved since the last ones."""
    statistics, clock = WrittenStatistics(), TurnedClock()
    await watch(database, EverybodyHolds(), statistics, clock).seed()
    await limit_hours(database, **TUESDAYS)
    full = AppUse(app_key="k", app_name="App", day="20251125", day_used=95, daily_limit=100)
    usage = WrittenUsage(uses=[full])
    minutes = evaluation(database, statistics, clock, usage=usage)
    for minute in range(START, START + 13):
        await minutes.evaluate(60 * minute)
    assert [mail.kind for mail in await outbox(database)] == ["quota", "quota"]
    assert usage.asked_since == [0] * 11 + [START] * 2
