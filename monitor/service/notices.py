"""Mails that are no alert of an API: an app's quota, the digest in a storm, the test of a rule. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.repository.mails import OutboxMail
from monitor.repository.rules import AlertRule, Recipient
from monitor.service.letters import Letterhead, addressed
from monitor.service.mail_layout import MailText, Parts, Table, clock_time, lay_out, number, plain
from monitor.service.mail_text import MAX_NAME
from monitor.service.mail_words import WORDS, Words
from monitor.service.quota import QuotaNews

QUOTA_GROUP = "quota"


def quota_mails(
    rule: AlertRule, told: Sequence[QuotaNews], *, at: datetime, now: datetime, thread_id: str, head: Letterhead
) -> list[OutboxMail]:
    """One mail per recipient with every app that reached a level in this window."""

    def text_in(language: str) -> MailText:
        words, worst = WORDS[language], told[0]
        subject = words.quota.format(
            severity=words.severities.get(rule.severity, rule.severity),
            count=len(told),
            level=number(min(news.event.threshold or 0 for news in told)),
            worst=plain(worst.use.app_name)[:MAX_NAME],
            value=number(worst.event.value),
        )
        rows = tuple(
            (
                plain(news.use.app_name),
                plain(news.use.app_key),
                str(news.use.day_used),
                str(news.use.daily_limit),
                f"{number(news.event.value)}%",
            )
            for news in told
        )
        table = Table(head=words.quota_table, rows=rows)
        links = ((words.event_page, f"{head.console_url}/alerts"),) if head.console_url else ()
        facts = _about(rule, words)
        parts = Parts(subject=subject, facts=facts, tables=(table,), notes=(words.quota_resets,), links=links)
        return lay_out(parts, words)

    if not told:
        return []
    start = at - timedelta(seconds=rule.window_s)
    return list(addressed(rule, "quota", start, text_in, thread_id=thread_id, head=head, now=now, group=QUOTA_GROUP))


def trial_mails(rule: AlertRule, *, now: datetime, head: Letterhead) -> list[OutboxMail]:
    """One mail per recipient that says that alerts would arrive."""

    def text_in(language: str) -> MailText:
        words = WORDS[language]
        links = ((words.rules_page, f"{head.console_url}/alerts/rules"),) if head.console_url else ()
        subject = words.test.format(rule=plain(rule.name))
        return lay_out(Parts(subject=subject, facts=_about(rule, words), notes=(words.test_text,), links=links), words)

    group = f"test {int(now.timestamp() * 1000)}"  # tests of one second are mails of their own
    thread_id = f"{group.replace(' ', '-')}-{rule.id}@{head.domain}"
    return list(addressed(rule, "test", now, text_in, thread_id=thread_id, head=head, now=now, group=group))


def digest_mail(
    rule: AlertRule, held: Sequence[OutboxMail], *, cap: int, at: datetime, now: datetime, head: Letterhead
) -> OutboxMail:
    """One mail to the recipient of all these, which tells of each by its subject. rule: of the first of them."""
    recipient = Recipient(held[0].recipient, held[0].language)

    def text_in(language: str) -> MailText:
        words = WORDS[language]
        rows = tuple((clock_time(mail.create_time, head.zone), plain(mail.subject)) for mail in held)
        parts = Parts(
            subject=words.digest.format(count=len(held)),
            tables=(Table(head=words.digest_table, rows=rows),),
            notes=(words.digest_text.format(cap=cap),),
            links=((words.event_page, f"{head.console_url}/alerts"),) if head.console_url else (),
        )
        return lay_out(parts, words)

    thread_id = f"digest-{at.astimezone(head.zone):%Y-%m-%d}@{head.domain}"
    to_one = replace(rule, recipients=(recipient,))
    [mail] = addressed(to_one, "digest", at, text_in, thread_id=thread_id, head=head, now=now, group="digest")
    return mail


def _about(rule: AlertRule, words: Words) -> tuple[tuple[str, str], ...]:
    return (
        (words.rule, plain(rule.name)),
        (words.recipients, ", ".join(recipient.address for recipient in rule.recipients)),
    )
