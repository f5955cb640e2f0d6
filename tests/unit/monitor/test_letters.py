"""Which mails a window asks for: one per kind and recipient, in one thread, with ids that every attempt shares."""

from datetime import timedelta
from email.policy import SMTP
from zoneinfo import ZoneInfo

from monitor.repository.mails import OutboxMail
from monitor.service.judgement import Finding, Judgement
from monitor.service.letters import Letterhead, thread_of, write_letters
from openplatform.adapters.mail_message import build_message
from openplatform.records import Mail
from tests.unit.monitor.samples import NOON, event, rule

HEAD = Letterhead(domain="pailou.example", zone=ZoneInfo("Asia/Shanghai"), console_url="")
SLOW = Finding(api_name="open.order.get", value=2315.0, calls=9, errors=0, p95_ms=4000.0)


def letters(judgement: Judgement, *, at_minute: int = 0) -> list[OutboxMail]:
    at = NOON + timedelta(minutes=at_minute)
    return write_letters(rule(), judgement, at=at, thread_id="t@pailou.example", head=HEAD, now=NOON)


def test_one_mail_per_recipient_with_all_apis_as_rows() -> None:
    """Two slow APIs and two recipients are two mails."""
    mails = letters(Judgement(opened=(SLOW, Finding(api_name="b", value=1500.0))))
    assert [(mail.kind, mail.recipient) for mail in mails] == [
        ("opened", "ops@pailou.example"),
        ("opened", "boss@pailou.example"),
    ]
    assert all("open.order.get" in mail.body_text and "b | 1500" in mail.body_text for mail in mails)


def test_an_opening_mail_lists_what_lasts_as_well() -> None:
    """New and old are told apart."""
    text = letters(Judgement(opened=(SLOW,), lasting=((event("old", minutes_ago=12), SLOW),)))[0].body_text
    assert "新" in text
    assert "已持续 12 分钟" in text


def test_opening_and_closing_in_one_window_are_two_mails() -> None:
    """Different kinds, different keys."""
    mails = letters(Judgement(opened=(SLOW,), closed=(event("b"),)))
    assert [mail.kind for mail in mails] == ["opened", "opened", "closed", "closed"]


def test_a_window_that_changes_nothing_writes_nothing() -> None:
    """Lasting and recovering alerts are silent."""
    assert letters(Judgement(lasting=((event(), SLOW),), resting=(event("b"),))) == []


def test_ids_are_the_same_for_the_same_mail_and_differ_for_others() -> None:
    """By kind, window, rule and recipient; and they are ids that mail servers take."""
    judgement = Judgement(opened=(SLOW,), closed=(event("b"),))
    first, again, later = letters(judgement), letters(judgement), letters(judgement, at_minute=1)
    assert [mail.message_id for mail in first] == [mail.message_id for mail in again]
    assert len({mail.message_id for mail in [*first, *later]}) == 8
    other_rule = rule(id=1, create_time=NOON + timedelta(seconds=1))
    others = write_letters(other_rule, judgement, at=NOON, thread_id="t@x", head=HEAD, now=NOON)
    assert others[0].message_id != first[0].message_id
    letter = Mail(
        to="a@b.c", subject="", text="", message_id=first[0].message_id, thread_id=thread_of(rule(), [], NOON, HEAD)
    )
    build_message(letter, "a@b.c", SMTP, cte="base64")  # refuses what is no id


def test_all_mails_of_an_alert_are_one_thread() -> None:
    """Named by the day in the platform's zone on which it began, kept over midnight and for those that join later."""
    assert thread_of(rule(), [], NOON, HEAD).endswith("-2026-11-22@pailou.example")
    assert thread_of(rule(), [], NOON + timedelta(hours=16), HEAD).endswith("-2026-11-23@pailou.example")
    running = event(thread_id="alert-1-2026-11-20@pailou.example")
    assert thread_of(rule(), [running, event("b")], NOON, HEAD) == running.thread_id


def test_a_recipient_named_twice_gets_one_mail() -> None:
    """The list is the operator's; the key would refuse the second."""
    twice = rule(recipients=("a@b.c", "a@b.c"))
    assert len(write_letters(twice, Judgement(opened=(SLOW,)), at=NOON, thread_id="t@x", head=HEAD, now=NOON)) == 1
