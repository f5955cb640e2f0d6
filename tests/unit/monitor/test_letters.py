"""Which mails a window asks for: one per kind and recipient, in one thread, with ids that every attempt shares."""

import re
from datetime import datetime, timedelta
from email.policy import SMTP
from typing import Any
from zoneinfo import ZoneInfo

from monitor.repository.mails import OutboxMail
from monitor.repository.rules import Recipient
from monitor.service.judgement import Finding, Judgement, Seen
from monitor.service.letters import Circumstances, Letterhead, thread_of, write_letters
from openplatform.adapters.mail_message import build_message
from openplatform.records import Mail
from tests.unit.monitor.samples import NOON, event, rule

HEAD = Letterhead(domain="pailou.example", zone=ZoneInfo("Asia/Shanghai"), console_url="")
SLOW_FINDING = Finding(api_name="open.order.get", value=2315.0, calls=9, errors=0, p95_ms=4000.0)
SLOW = Seen(None, SLOW_FINDING)


def letters(judgement: Judgement, *, at_minute: int = 0) -> list[OutboxMail]:
    at = NOON + timedelta(minutes=at_minute)
    return write_letters(rule(), judgement, known(at), head=HEAD)


def known(at: datetime = NOON, **changes: Any) -> Circumstances:
    return Circumstances(at=at, now=NOON, thread_id="t@pailou.example", **changes)


def test_one_mail_per_recipient_with_all_apis_as_rows() -> None:
    """Two slow APIs and two recipients are two mails."""
    mails = letters(Judgement(news=(SLOW, Seen(None, Finding(api_name="b", value=1500.0)))))
    assert [(mail.kind, mail.recipient) for mail in mails] == [
        ("opened", "ops@pailou.example"),
        ("opened", "boss@pailou.example"),
    ]
    assert all("open.order.get" in mail.body_text and "b | 1500" in mail.body_text for mail in mails)


def test_an_opening_mail_lists_what_lasts_as_well() -> None:
    """New and old are told apart."""
    text = letters(Judgement(news=(SLOW,), lasting_told=(Seen(event("old", minutes_ago=12), SLOW_FINDING),)))[
        0
    ].body_text
    assert "新" in text
    assert "已持续 12 分钟" in text


def test_opening_and_closing_in_one_window_are_two_mails() -> None:
    """Different kinds, different keys."""
    mails = letters(Judgement(news=(SLOW,), closed_told=(event("b"),)))
    assert [mail.kind for mail in mails] == ["opened", "opened", "closed", "closed"]


def test_a_window_that_changes_nothing_writes_nothing() -> None:
    """Lasting and recovering alerts are silent."""
    assert (
        letters(
            Judgement(lasting=(Seen(event(), SLOW_FINDING),), resting=(event("b"),), opened=(SLOW,), closed=(event(),))
        )
        == []
    )


def test_ids_are_the_same_for_the_same_mail_and_differ_for_others() -> None:
    """By kind, window, rule and recipient; and they are ids that mail servers take."""
    judgement = Judgement(news=(SLOW,), closed_told=(event("b"),))
    first, again, later = letters(judgement), letters(judgement), letters(judgement, at_minute=1)
    assert [mail.message_id for mail in first] == [mail.message_id for mail in again]
    assert len({mail.message_id for mail in [*first, *later]}) == 8
    other_rule = rule(id=1, create_time=NOON + timedelta(seconds=1))
    others = write_letters(other_rule, judgement, known(), head=HEAD)
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
    """The key would refuse the second."""
    twice = rule(recipients=(Recipient("a@b.c"), Recipient("a@b.c")))
    assert len(write_letters(twice, Judgement(news=(SLOW,)), known(), head=HEAD)) == 1


def test_every_recipient_reads_their_own_language() -> None:
    """The same alert, in Chinese and in English; the key tells recipients apart, not languages."""
    both = rule(recipients=(Recipient("a@b.c"), Recipient("d@e.f", "en")))
    zh, en = write_letters(both, Judgement(news=(SLOW,)), known(), head=HEAD)
    assert zh.subject == "[报警][严重] 1 个API 5分钟平均响应超 1000ms (最高 open.order.get 2315ms)"
    assert en.subject == "[ALERT][critical] 1 API: 5 min mean response time over 1000 ms (worst open.order.get 2315 ms)"
    assert '<html lang="en">' in en.body_html
    assert not re.search("[\u4e00-\u9fff]", en.body_text + en.body_html)


def test_the_window_before_is_compared_with() -> None:
    """Percent, times when it is much, nothing when there were no calls; an API that ends without calls says so."""
    texts = [
        letters_of(Judgement(news=(SLOW,)), before={"open.order.get": before}) for before in (2000.0, 4630.0, 23.15)
    ]
    assert [text.split(" | ")[-2] for text in texts] == ["+16%", "-50%", "×100"]
    assert letters_of(Judgement(news=(SLOW,))).split(" | ")[-2] == "-"
    closed = Judgement(closed_told=(event("b"),))
    assert letters_of(closed).endswith("恢复时无调用")
    assert not letters_of(closed, called={"b": 10.0}).endswith("恢复时无调用")


def letters_of(judgement: Judgement, **changes: Any) -> str:
    """The last row of the table."""
    text = write_letters(rule(), judgement, known(**changes), head=HEAD)[0].body_text
    return next(line for line in reversed(text.splitlines()) if " | " in line)
