"""The outbox: every mail leaves once, however often its server refuses, and whoever dies while sending."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.repository.mails import OutboxMail, add_mail, claim_mail, due_mails
from monitor.service.delivery import CLAIM_S, RETRY_AFTER
from openplatform.adapters.backends import open_mailer
from openplatform.errors import PLATFORM_UNAVAILABLE, StoreRejected
from openplatform.sql import Database, open_database
from tests.integration.monitor.world import (
    SETTINGS,
    START,
    EverybodyHolds,
    KeptMails,
    TurnedClock,
    WrittenStatistics,
    delivery,
    outbox,
    watch,
)
from tests.servers import SmtpServer

NOW = datetime.fromtimestamp(TurnedClock().seconds, UTC)


@pytest.fixture
async def rules(database: Database) -> None:
    """The first rules: a mail belongs to one of them."""
    await watch(database, EverybodyHolds(), WrittenStatistics(), TurnedClock()).seed()


def letter(number: int, recipient: str = "ops@pailou.example") -> OutboxMail:
    return OutboxMail(
        rule_id=1,
        alert_group="all",
        window_start=NOW + timedelta(minutes=number),
        kind="opened",
        recipient=recipient,
        subject="[报警]",
        body_text="text",
        body_html="<p>html</p>",
        message_id=f"opened.{number}@pailou.example",
        thread_id="alert-1@pailou.example",
        next_at=NOW,
        create_time=NOW,
    )


async def put(database: Database, *letters: OutboxMail) -> None:
    async with database.begin() as connection:
        for each in letters:
            assert await add_mail(connection, each)


@pytest.mark.usefixtures("rules")
async def test_a_mail_is_sent_once_and_stays_to_be_seen(database: Database) -> None:
    """Sent, with its time; further rounds leave it alone."""
    mailer, clock = KeptMails(), TurnedClock()
    await put(database, letter(1))
    assert [await delivery(database, mailer, clock).send_due() for _ in range(3)] == [1, 0, 0]
    (mail,) = await outbox(database)
    assert (mail.state, mail.attempts, mail.sent_at) == ("sent", 1, NOW)
    assert mailer.mails[0].thread_id == "alert-1@pailou.example"


@pytest.mark.usefixtures("rules")
async def test_a_server_that_is_down_is_asked_again_after_1_2_4_8_15_15_minutes(database: Database) -> None:
    """Never given up; the reason stands beside the mail."""
    mailer, clock = KeptMails(), TurnedClock()
    mailer.failures["ops@pailou.example"] = PLATFORM_UNAVAILABLE("mail server: connection refused")
    await put(database, letter(1))
    pauses = []
    for _ in range(7):
        await delivery(database, mailer, clock).send_due()
        (mail,) = await outbox(database)
        assert (mail.state, mail.last_error) == ("waiting", "mail server: connection refused")
        pauses.append((mail.next_at.timestamp() - clock.seconds) / 60)
        clock.seconds = mail.next_at.timestamp() - 1
        assert await delivery(database, mailer, clock).send_due() == 0
        clock.seconds += 1
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    mailer.failures.clear()
    assert await delivery(database, mailer, clock).send_due() == 1
    assert len(mailer.mails) == 1


@pytest.mark.usefixtures("rules")
async def test_a_refused_recipient_is_marked_and_the_others_get_theirs(database: Database) -> None:
    """5xx for one address is the end for that address only."""
    mailer, clock = KeptMails(), TurnedClock()
    mailer.failures["gone@pailou.example"] = StoreRejected("550 no such user")
    await put(database, letter(1), letter(1, "gone@pailou.example"), letter(1, "boss@pailou.example"))
    assert await delivery(database, mailer, clock).send_due() == 2
    clock.seconds += 86_400
    assert await delivery(database, mailer, clock).send_due() == 0
    states = {mail.recipient: (mail.state, mail.last_error) for mail in await outbox(database)}
    assert states["gone@pailou.example"] == ("bad", "550 no such user")
    assert states["boss@pailou.example"] == ("sent", "")


@pytest.mark.usefixtures("rules")
async def test_a_fault_of_ours_in_one_mail_does_not_stop_the_others(database: Database) -> None:
    """It is logged with its traceback and tried again later."""
    mailer, clock = KeptMails(), TurnedClock()
    mailer.failures["odd@pailou.example"] = ZeroDivisionError("a bug")
    await put(database, letter(1, "odd@pailou.example"), *(letter(number) for number in range(2, 12)))
    assert await delivery(database, mailer, clock).send_due() == 10
    assert [mail.state for mail in await outbox(database)].count("waiting") == 1


@pytest.mark.usefixtures("rules")
async def test_two_monitors_send_forty_mails_once_each(database: Database, database_url: str) -> None:
    """Both look into the outbox at once; a mail is claimed by one of them."""
    mailer, clock = KeptMails(), TurnedClock()
    await put(database, *(letter(number) for number in range(40)))
    async with AsyncExitStack() as stack:
        senders = [
            delivery(await stack.enter_async_context(open_database(database_url)), mailer, clock) for _ in range(3)
        ]
        sent = await asyncio.gather(*(sender.send_due() for sender in senders))
    assert sum(sent) == 40
    assert len({mail.message_id for mail in mailer.mails}) == len(mailer.mails) == 40


@pytest.mark.usefixtures("rules")
async def test_a_mail_whose_sender_died_is_sent_by_another_with_the_same_id(database: Database) -> None:
    """While the claim holds nobody touches it; when it ran out the next one sends it."""
    mailer, clock = KeptMails(), TurnedClock()
    await put(database, letter(1))
    (mail,) = await outbox(database)
    assert await claim_mail(database, mail, until=NOW + timedelta(seconds=CLAIM_S))
    clock.seconds += CLAIM_S - 1
    assert await delivery(database, mailer, clock).send_due() == 0
    clock.seconds += 1
    assert await delivery(database, mailer, clock).send_due() == 1
    assert [each.message_id for each in mailer.mails] == ["opened.1@pailou.example"]


@pytest.mark.usefixtures("rules")
async def test_a_sender_that_wakes_up_late_does_not_undo_what_another_did(database: Database) -> None:
    """Its claim ran out, the mail was sent by another: the late failure is not written over it."""
    clock = TurnedClock()
    await put(database, letter(1))
    quick = KeptMails()

    class Slow(KeptMails):
        async def send(self, mail: object) -> None:
            clock.seconds += CLAIM_S
            assert await delivery(database, quick, clock).send_due() == 1
            raise PLATFORM_UNAVAILABLE("too late")

    await delivery(database, Slow(), clock).send_due()
    (mail,) = await outbox(database)
    assert (mail.state, mail.attempts) == ("sent", 2)
    assert len(quick.mails) == 1


@pytest.mark.usefixtures("rules")
async def test_a_claim_is_given_once(database: Database) -> None:
    """Of ten claims of one row at one moment, one succeeds."""
    await put(database, letter(1))
    (mail,) = await due_mails(database, NOW, limit=10)
    claims = await asyncio.gather(*(claim_mail(database, mail, until=NOW + timedelta(minutes=1)) for _ in range(10)))
    assert sum(claims) == 1
    assert not await claim_mail(database, replace(mail, attempts=9), until=NOW)


async def test_an_alert_reaches_its_readers_although_the_mail_server_refuses_at_first(
    database: Database, smtp_server: SmtpServer
) -> None:
    """Slow API → alert → outbox; the server is down, then says "later", then takes it: one mail per recipient, over TLS."""
    clock = TurnedClock()
    mailer = open_mailer(f"{smtp_server.url}?ca_file={smtp_server.certificate}", SETTINGS.mail_from)
    sender = delivery(database, mailer, clock)
    slow = WrittenStatistics(lambda minute: {"open.order.get": 2315.0})
    assert await watch(database, EverybodyHolds(), slow, clock).tick() == "evaluated"
    smtp_server.stop()
    assert await sender.send_due() == 0
    smtp_server.start()
    smtp_server.data_reply = "451 try later"
    clock.seconds += 60 * RETRY_AFTER[0]
    assert await sender.send_due() == 0
    smtp_server.data_reply = None
    smtp_server.refused["boss@pailou.example"] = "550 no such user"
    clock.seconds += 60 * RETRY_AFTER[1]
    assert await sender.send_due() == 1
    clock.seconds += 86_400
    assert await sender.send_due() == 0
    (arrived,) = smtp_server.mails
    assert arrived.over_tls
    assert arrived.recipients == ["ops@pailou.example"]
    assert arrived.message["Subject"] == "[报警][严重] 1 个API 5分钟平均响应超 1000ms (最高 open.order.get 2315ms)"
    assert arrived.message["Message-ID"].startswith(f"<opened.{(START - 5) * 60}.")
    assert {mail.recipient: (mail.state, mail.attempts) for mail in await outbox(database)} == {
        "ops@pailou.example": ("sent", 3),
        "boss@pailou.example": ("bad", 3),
    }


async def test_the_mails_of_an_alert_are_one_thread(database: Database, smtp_server: SmtpServer) -> None:
    """Opening, reminder and recovery refer to one id; each has an id of its own."""
    clock = TurnedClock()
    mailer = open_mailer(f"{smtp_server.url}?ca_file={smtp_server.certificate}", SETTINGS.mail_from)
    statistics = WrittenStatistics(lambda minute: {"open.order.get": 2315.0 if minute < START + 31 else 10.0})
    monitor = watch(database, EverybodyHolds(), statistics, clock, alert_recipients=("ops@pailou.example",))
    for minute in range(START, START + 35):
        clock.turn_to(minute)
        await monitor.tick()
        await delivery(database, mailer, clock).send_due()
    messages = [each.message for each in smtp_server.mails]
    assert [message["Subject"][:4] for message in messages] == ["[报警]", "[提醒]", "[恢复]"]
    assert len({message["References"] for message in messages}) == 1
    assert len({message["Message-ID"] for message in messages}) == 3
