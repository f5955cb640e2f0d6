"""One minute after the other: what opens, lasts, is reminded of, closes, and what happens when nothing can be seen."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from monitor.repository.rules import page_of_rules
from monitor.repository.windows import last_window
from monitor.service.evaluation import Evaluation
from monitor.tables import alert_event, alert_rule
from openplatform.sql import Database
from tests.integration.monitor.world import (
    START,
    EverybodyHolds,
    TurnedClock,
    WrittenStatistics,
    evaluation,
    kinds,
    open_apis,
    outbox,
    settings,
    watch,
)


@pytest.fixture
def statistics() -> WrittenStatistics:
    return WrittenStatistics()


@pytest.fixture
async def minutes(database: Database, statistics: WrittenStatistics) -> Evaluation:
    """The judge of minutes, over a database with the first rules."""
    clock = TurnedClock()
    await watch(database, EverybodyHolds(), statistics, clock).seed()
    return evaluation(database, statistics, clock)


async def test_a_slow_quarter_of_an_hour_is_two_mails(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """One when it opens, one when two windows in a row were fine again; to each recipient."""
    statistics.mean_ms = lambda minute: {"open.order.get": 2000.0 if START + 3 <= minute < START + 18 else 100.0}
    for minute in range(START, START + 30):
        assert await minutes.evaluate(60 * minute) == "evaluated"
    assert await kinds(database) == [("opened", 3), ("closed", 19)]
    assert [mail.recipient for mail in await outbox(database)] == ["ops@pailou.example", "boss@pailou.example"] * 2
    assert "持续 16 分钟" in (await outbox(database))[-1].subject
    assert len({mail.thread_id for mail in await outbox(database)}) == 1
    assert await open_apis(database) == []


async def test_the_window_is_the_five_minutes_before_the_minute(
    statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """To the millisecond, without the minute itself."""
    await minutes.evaluate(60 * START)
    assert statistics.windows == [(START * 60_000 - 300_000, START * 60_000)]


async def test_a_lasting_alert_is_reminded_of_every_half_hour(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """Not more often, whatever its value does."""
    statistics.mean_ms = lambda minute: {"open.order.get": 1500.0 + minute % 7}
    for minute in range(START, START + 95):
        await minutes.evaluate(60 * minute)
    assert await kinds(database) == [("opened", 0), ("reminder", 30), ("reminder", 60), ("reminder", 90)]


async def test_apis_that_open_in_one_window_share_a_mail_and_later_ones_get_theirs(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """Rows of one table; each API is told about once when it opens and once when it closes."""
    slow = {0: ["a", "b"], 1: ["a", "b", "c"], 2: ["a", "b", "c"], 3: ["c"], 4: ["c"]}
    statistics.mean_ms = lambda minute: dict.fromkeys(slow.get(minute - START, []), 2000.0)
    for minute in range(START, START + 10):
        await minutes.evaluate(60 * minute)
    assert await kinds(database) == [("opened", 0), ("opened", 1), ("closed", 4), ("closed", 6)]
    first, second, third, fourth = (await outbox(database))[::2]
    assert first.subject.startswith("[报警][严重] 2 个API")
    assert "c | 2000 | 0 | 10 | 0.0% | 1000 | - | 新" in second.body_text
    assert "a | 2000 | 0 | 10 | 0.0% | 1000 | - | 已持续 1 分钟" in second.body_text
    assert third.subject.startswith("[恢复] 2 个API")
    assert fourth.subject.startswith("[恢复] 1 个API")


async def test_a_value_at_the_limit_does_not_flap(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """Every other minute over the limit is one alert."""
    statistics.mean_ms = lambda minute: {"open.order.get": 1000.0 + minute % 2}
    for minute in range(START, START + 29):
        await minutes.evaluate(60 * minute)
    assert [kind for kind, _ in await kinds(database)] == ["opened"]


async def test_an_api_that_nobody_calls_any_more_recovers(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """No calls are no slow calls."""
    statistics.mean_ms = lambda minute: {"open.order.get": 2000.0} if minute == START else {}
    for minute in range(START, START + 4):
        await minutes.evaluate(60 * minute)
    assert await kinds(database) == [("opened", 0), ("closed", 2)]


@pytest.mark.parametrize("cause", ["down", "late"])
async def test_logs_that_cannot_be_seen_are_an_alert(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation, cause: str
) -> None:
    """log_indexer unreachable, or its index two minutes behind: the monitor says that it is blind, and when it sees again."""
    statistics.is_down, statistics.lag_s = (cause == "down"), (121.0 if cause == "late" else 0.0)
    for minute in range(START, START + 5):
        assert await minutes.evaluate(60 * minute) == "blind"
    statistics.is_down, statistics.lag_s = False, 120.0
    for minute in range(START + 5, START + 10):
        assert await minutes.evaluate(60 * minute) == "evaluated"
    assert await kinds(database) == [("opened", 0), ("closed", 6)]
    opened, closed = (await outbox(database))[::2]
    assert opened.subject.startswith("[报警][严重] 看不到调用日志")
    assert closed.subject == "[恢复] 又能看到调用日志，持续 6 分钟"


async def test_nothing_recovers_while_the_monitor_is_blind(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """Empty statistics of a late index are no proof; afterwards the alert closes as usual."""
    statistics.mean_ms = lambda minute: {"open.order.get": 2000.0} if minute == START else {}
    await minutes.evaluate(60 * START)
    statistics.lag_s = 1000
    for minute in range(START + 1, START + 5):
        await minutes.evaluate(60 * minute)
    statistics.is_down = True
    for minute in range(START + 5, START + 10):
        await minutes.evaluate(60 * minute)
    assert await open_apis(database) == [None, "open.order.get"]
    statistics.is_down, statistics.lag_s = False, 0
    for minute in range(START + 10, START + 12):
        await minutes.evaluate(60 * minute)
    assert await open_apis(database) == []


async def test_a_minute_is_judged_once_and_never_an_older_one(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """The minute is the fencing number: a monitor that wakes up late changes nothing."""
    statistics.mean_ms = lambda minute: {"open.order.get": 2000.0}
    assert await minutes.evaluate(60 * (START + 5)) == "evaluated"
    statistics.mean_ms = lambda minute: {"another": 9000.0}
    for minute in (START + 5, START + 4, START):
        assert await minutes.evaluate(60 * minute) == "already"
    assert await kinds(database) == [("opened", 5)]
    assert await open_apis(database) == ["open.order.get"]
    assert await last_window(database) == 60 * (START + 5)


async def test_an_event_remembers_its_worst_value_and_its_times(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """value is the latest, peak the worst; times are those of the windows, in UTC."""
    means = dict(enumerate([1500.0, 4000.0, 2000.0, 10.0]))
    statistics.mean_ms = lambda minute: {"open.order.get": means.get(minute - START, 10.0)}
    for minute in range(START, START + 4):
        await minutes.evaluate(60 * minute)
    async with database.read() as connection:
        event = (await connection.execute(sa.select(alert_event))).one()
    assert (event.value, event.peak, event.clean_windows) == (2000.0, 4000.0, 1)
    assert event.opened_at == datetime.fromtimestamp(START * 60, UTC)
    assert event.seen_at == datetime.fromtimestamp((START + 2) * 60, UTC)
    assert event.closed_at is None


async def test_an_api_name_of_any_kind_is_stored_and_mailed(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """Unknown names come from callers: line breaks, markup, emoji, thousands of characters."""
    names = ["a\r\nBcc: thief@evil.example", "<script>alert(1)</script>", "牌楼🏯", "x" * 100, "y" * 5000]
    statistics.mean_ms = lambda minute: dict.fromkeys(names, 2000.0)
    for minute in range(START, START + 3):
        await minutes.evaluate(60 * minute)
    assert await open_apis(database) == sorted(name[:100] for name in names)
    assert await kinds(database) == [("opened", 0)]


async def test_the_first_rules_follow_the_settings_until_somebody_edits_them(
    database: Database, statistics: WrittenStatistics
) -> None:
    """A new threshold in the settings is in force after a restart; an operator's edit is never overwritten."""
    clock = TurnedClock()
    await watch(database, EverybodyHolds(), statistics, clock).seed()
    await watch(database, EverybodyHolds(), statistics, clock, alert_threshold_ms=500).seed()
    slow, blind, quota = (await page_of_rules(database, page_no=1, page_size=10))[1]
    assert (quota.name, quota.built_in) == ("quota", True)
    assert (slow.name, slow.threshold, slow.version) == ("default", 500, 1)
    assert (blind.name, blind.metric, blind.threshold) == ("blind", "blind", 120)
    assert [recipient.address for recipient in slow.recipients] == list(settings().alert_recipients)
    async with database.begin() as connection:
        edited = sa.update(alert_rule).where(alert_rule.c.name == "default").values(threshold=700, version=2)
        await connection.execute(edited)
    await watch(database, EverybodyHolds(), statistics, clock, alert_threshold_ms=100).seed()
    assert [rule.threshold for rule in (await page_of_rules(database, page_no=1, page_size=10))[1]] == [700, 120, 70]


async def test_a_rule_that_is_switched_off_judges_nothing(
    database: Database, statistics: WrittenStatistics, minutes: Evaluation
) -> None:
    """enabled = 0: no events, no mails."""
    async with database.begin() as connection:
        await connection.execute(sa.update(alert_rule).values(enabled=False))
    statistics.mean_ms = lambda minute: {"open.order.get": 2000.0}
    assert await minutes.evaluate(60 * START) == "evaluated"
    assert await outbox(database) == []
