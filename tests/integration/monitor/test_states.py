"""What an alert goes through beyond opening and closing: waiting, silence, acknowledgement, storms, quotas, rules that end."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.repository.events import acknowledge, open_events, samples_of
from monitor.repository.mails import held_mails, retry_mail
from monitor.repository.rules import Recipient, add_rule, delete_rule, edit_rule, find_rule, page_of_rules
from monitor.repository.silences import Silence, add_silence
from monitor.tables import alert_event, alert_rule
from openplatform.errors import AddressRefused
from openplatform.records import AppUse, CallLog
from openplatform.sql import Database
from tests.integration.monitor.world import (
    SETTINGS,
    START,
    EverybodyHolds,
    KeptMails,
    TurnedClock,
    WrittenStatistics,
    WrittenUsage,
    delivery,
    evaluation,
    kinds,
    open_apis,
    outbox,
    watch,
)
from tests.unit.monitor.samples import rule

NOW = datetime.fromtimestamp(START * 60, UTC)


@pytest.fixture
async def clock(database: Database) -> TurnedClock:
    """A clock, and a database with the first rules."""
    clock = TurnedClock()
    await watch(database, EverybodyHolds(), WrittenStatistics(), clock).seed()
    return clock


def slow(*names: str, until: int = 10_000) -> WrittenStatistics:
    return WrittenStatistics(lambda minute: dict.fromkeys(names if minute - START < until else (), 2000.0))


async def minutes(
    database: Database, clock: TurnedClock, statistics: WrittenStatistics, first: int, last: int, **options: object
) -> None:
    """Judges the minutes first … last − 1, counted from START."""
    judge = evaluation(database, statistics, clock, **options)  # type: ignore[arg-type]
    for minute in range(START + first, START + last):
        clock.turn_to(minute)
        await judge.evaluate(60 * minute)


async def change(database: Database, **values: object) -> None:
    """Edits the first rule as an operator does."""
    async with database.begin() as connection:
        default = ((await page_of_rules(database, page_no=1, page_size=10))[1])[0]
        await edit_rule(connection, default.id, default.version, values, by="ops@pailou.example", now=NOW)


async def test_a_rule_that_waits_alarms_when_it_lasts(database: Database, clock: TurnedClock) -> None:
    """Two windows over the limit are pending and unheard; the third is the alert. A short one leaves no trace."""
    await change(database, pending_windows=2)
    await minutes(database, clock, slow("open.order.get", until=2), 0, 3)
    assert await open_apis(database) == []
    await minutes(database, clock, slow("open.order.get"), 3, 5)
    async with database.read() as connection:
        [pending] = await open_events(connection)
    assert (pending.is_pending, pending.over_windows, pending.notified_at) == (True, 2, None)
    assert await kinds(database) == []
    await minutes(database, clock, slow("open.order.get"), 5, 7)
    assert await kinds(database) == [("opened", 5)]
    async with database.read() as connection:
        [event] = await open_events(connection)
        samples = (await samples_of(connection, [event.id]))[event.id]
    assert event.opened_at == NOW + timedelta(minutes=5)
    assert samples == [(NOW + timedelta(minutes=minute), 2000.0) for minute in range(3, 7)]


async def test_a_silence_sends_nothing_and_its_end_tells_what_is_left(database: Database, clock: TurnedClock) -> None:
    """For ten minutes no mail about the API, another's goes out; then what still lasts is told, and its recovery too."""
    async with database.begin() as connection:
        await add_silence(connection, silence("quiet", minutes=10))
    await minutes(database, clock, slow("quiet", "loud", until=15), 0, 20)
    assert await kinds(database) == [("opened", 0), ("opened", 10), ("closed", 16)]
    first, second, third = (await outbox(database))[::2]
    assert "quiet" not in first.body_text
    assert "quiet | 2000" in second.body_text and "loud | 2000" in second.body_text
    assert third.subject.startswith("[恢复] 2 个API")


async def test_what_ends_under_a_silence_was_never_heard_of(database: Database, clock: TurnedClock) -> None:
    """Neither its alert nor its recovery; the event is there to be seen."""
    async with database.begin() as connection:
        await add_silence(connection, silence(None, minutes=60))
    await minutes(database, clock, slow("open.order.get", until=5), 0, 90)
    assert await kinds(database) == []
    async with database.read() as connection:
        event = (await connection.execute(sa.select(alert_event))).one()
    assert event.closed_at == NOW + timedelta(minutes=6)


async def test_an_acknowledged_alert_is_left_in_peace(database: Database, clock: TurnedClock) -> None:
    """No reminders any more; its end is told. What an evaluation writes at the same time keeps the note."""
    await minutes(database, clock, slow("open.order.get"), 0, 1)
    async with database.begin() as connection:
        [event] = await open_events(connection)
        await acknowledge(connection, event.id, by="boss@pailou.example", note="看到了", now=NOW)
    await minutes(database, clock, slow("open.order.get", until=70), 1, 75)
    assert await kinds(database) == [("opened", 0), ("closed", 71)]
    async with database.read() as connection:
        event = (await connection.execute(sa.select(alert_event))).one()
    assert (event.acked_by, event.ack_note) == ("boss@pailou.example", "看到了")


async def test_calls_that_do_not_come_are_an_alert_of_their_own(database: Database, clock: TurnedClock) -> None:
    """no_data: an API that is not called; while the monitor is blind nobody says so."""
    async with database.begin() as connection:
        await add_rule(connection, rule(name="quiet", api_name="a", metric="no_data", threshold=10, version=2))
    called = WrittenStatistics(lambda minute: {"a": 5.0} if minute - START >= 10 else {})
    called.lag_s = 1000
    await minutes(database, clock, called, 0, 3)
    called.lag_s = 0
    await minutes(database, clock, called, 3, 14)
    subjects = [
        mail.subject for mail in await outbox(database) if "调用" in mail.subject and "日志" not in mail.subject
    ]
    assert subjects[::2] == [
        "[报警][严重] a 5分钟内仅 0 次调用 (应不少于 10 次)",
        "[恢复] a 又有调用 (曾最低 5分钟 0 次)，持续 8 分钟",
    ]


async def test_a_storm_of_mails_becomes_digests(database: Database, clock: TurnedClock) -> None:
    """Four mails an hour to a recipient, then one digest each half hour; every alert is in a mail or in a digest."""
    flapping = WrittenStatistics(lambda minute: {f"api{(minute - START) // 4}": 2000.0} if minute % 4 == 0 else {})
    await minutes(database, clock, flapping, 0, 36, mails_per_hour=4)
    async with database.begin() as connection:
        held = await held_mails(connection)
        assert set(held) == set(SETTINGS.alert_recipients)
        assert (await retry_mail(connection, held[SETTINGS.alert_recipients[1]][0].id, NOW)).state == "waiting"
    await minutes(database, clock, flapping, 36, 40, mails_per_hour=4)
    mails = [mail for mail in await outbox(database) if mail.recipient == SETTINGS.alert_recipients[0]]
    sent = [mail for mail in mails if mail.state == "waiting"]
    assert [mail.kind for mail in sent] == ["opened", "closed", "opened", "closed", "digest", "digest"]
    assert sent[4].subject == "[汇总] 邮件过多，1 封报警邮件合并为一封"
    digested = [mail for mail in mails if mail.state == "digested"]
    assert len(digested) == 20 - 4
    assert all(mail.subject in sent[4].body_text + sent[5].body_text for mail in digested)


async def test_apps_hear_of_their_day_once_for_each_level(database: Database, clock: TurnedClock) -> None:
    """70 %, then 100 %: two mails; asked of Redis only for what moved since; a Redis that is down is asked again."""
    usage = WrittenUsage([AppUse(app_key="1", app_name="云帆ERP", day="20251125", day_used=75, daily_limit=100)])
    await minutes(database, clock, WrittenStatistics(), 0, 3, usage=usage)
    usage.is_down = True
    await minutes(database, clock, WrittenStatistics(), 3, 5, usage=usage)
    usage.is_down = False
    usage.uses = [AppUse(app_key="1", app_name="云帆ERP", day="20251125", day_used=100, daily_limit=100)]
    await minutes(database, clock, WrittenStatistics(), 5, 8, usage=usage)
    assert [mail.subject for mail in (await outbox(database))[::2]] == [
        "[配额][警告] 1 个应用的当日用量达到上限的 70% (最高 云帆ERP 75%)",
        "[配额][警告] 1 个应用的当日用量达到上限的 100% (最高 云帆ERP 100%)",
    ]
    assert usage.asked_since == [0, START, START, 0, 0, 0, START, START]


async def test_an_own_rule_overrides_the_one_for_all(database: Database, clock: TurnedClock) -> None:
    """With its own limit and recipients, in their language; switched off, the rule for all counts again."""
    own = rule(name="own", api_name="a", threshold=5000, recipients=(Recipient("dev@pailou.example", "en"),), version=2)
    async with database.begin() as connection:
        rule_id = await add_rule(connection, own)
    await minutes(database, clock, slow("a", "b"), 0, 1)
    assert [(mail.recipient, "a |" in mail.body_text) for mail in await outbox(database)] == [
        (recipient, False) for recipient in SETTINGS.alert_recipients
    ]
    async with database.begin() as connection:
        await edit_rule(connection, rule_id, 2, {"threshold": 1500}, by="x", now=NOW)
    await minutes(database, clock, slow("a", "b"), 1, 2)
    assert (await outbox(database))[-1].recipient == "dev@pailou.example"
    assert (await outbox(database))[-1].subject.startswith("[ALERT][critical] 1 API: 5 min mean")
    async with database.begin() as connection:
        await edit_rule(connection, rule_id, 3, {"enabled": False}, by="x", now=NOW)
    await minutes(database, clock, slow("a", "b"), 2, 3)
    assert "a | 2000" in (await outbox(database))[-1].body_text
    assert (await outbox(database))[-1].recipient == SETTINGS.alert_recipients[1]


async def test_alerts_end_with_their_rule(database: Database, clock: TurnedClock) -> None:
    """Deleted or switched off: closed without a mail, kept to be seen; the name is free again."""
    async with database.begin() as connection:
        rule_id = await add_rule(connection, rule(name="own", api_name="a", version=2))
    await minutes(database, clock, slow("a", "b"), 0, 1)
    mails = len(await outbox(database))
    async with database.begin() as connection:
        await delete_rule(connection, await find_rule(connection, rule_id), 2, by="x", now=NOW)
        await connection.execute(sa.update(alert_rule).where(alert_rule.c.name == "default").values(enabled=False))
        await add_rule(connection, rule(name="own", version=2, metric="p95_ms"))
    await minutes(database, clock, slow("a", "b"), 1, 5)
    assert await open_apis(database) == []
    assert len(await outbox(database)) == mails


async def test_a_dead_address_is_left_alone_for_a_day(database: Database, clock: TurnedClock) -> None:
    """Refused once, its next mails are not even tried; the day after they are; another try by hand trusts it at once."""
    mailer = KeptMails()
    mailer.failures[SETTINGS.alert_recipients[1]] = AddressRefused("550 no such user")
    sender = delivery(database, mailer, clock)
    await minutes(database, clock, slow("a", until=1), 0, 1)
    await sender.send_due()
    await minutes(database, clock, slow("a", until=1), 1, 4)
    states = [(mail.state, mail.attempts, mail.last_error) for mail in await outbox(database)]
    assert states[1] == ("bad", 1, "550 no such user")
    assert states[3] == ("bad", 0, "the address was refused before: 550 no such user")
    assert states[2][0] == "waiting"
    mailer.failures.clear()
    async with database.begin() as connection:
        await retry_mail(connection, (await outbox(database))[3].id, datetime.fromtimestamp(clock.seconds, UTC))
    assert await sender.send_due() == 2
    await minutes(database, clock, slow("b"), 4, 5)
    assert (await outbox(database))[-1].state == "waiting"


async def test_a_mail_names_the_calls_that_made_the_alert(database: Database, clock: TurnedClock) -> None:
    """Asked for once, when the mail is written, with the rule's limit; and compared with the window before."""
    statistics = WrittenStatistics(lambda minute: {"a": 2000.0 if minute >= START else 1000.0})
    statistics.logs = [
        CallLog(
            requestId=f"id{n}", appkey="10000001", servIP="127.0.0.1", venderId=100001, remoteIp="127.0.0.1", apiName="a",
            platformRepTime=1000 + n, requestContent="{}", errorCode="0", receiveTime=START * 60_000 - n,
        )
        for n in range(1, 8)
    ]  # fmt: skip
    await minutes(database, clock, statistics, 0, 3)
    assert [asked["min_ms"] for asked in statistics.asked] == [1001]
    text = (await outbox(database))[0].body_text
    assert "a | 2000 | 0 | 10 | 0.0% | 1000 | +100% | 新" in text
    assert "主要应用：10000001 (7)" in text
    assert [line.split(" | ")[1] for line in text.splitlines() if " | id" in line] == [
        "id7",
        "id6",
        "id5",
        "id4",
        "id3",
    ]


def silence(api_name: str | None, *, minutes: int) -> Silence:
    return Silence(
        rule_id=1,
        api_name=api_name,
        until=NOW + timedelta(minutes=minutes),
        reason="发布",
        created_by="ops@pailou.example",
        create_time=NOW,
    )
