"""From a judgement to rows of the outbox: which mails an evaluated window asks for, with ids that every attempt shares. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.repository.events import AlertEvent
from monitor.repository.mails import OutboxMail
from monitor.repository.rules import AlertRule
from monitor.service.judgement import Finding, Judgement
from monitor.service.mail_text import Kind, Occasion, Row, compose, duration

GROUP = "all"
"""All alerts of a rule share mails; the column leaves room for rules that group by service or team."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all mails share. domain: behind the @ of their ids; console_url: "" = no links."""

    domain: str
    zone: ZoneInfo
    console_url: str


def thread_of(rule: AlertRule, open_events: Sequence[AlertEvent], at: datetime, head: Letterhead) -> str:
    """The id that the group's mails refer to: that of the open alerts, else a new one named by the day in the platform's zone."""
    if open_events:
        return open_events[0].thread_id
    return f"alert-{_digest(rule)}-{at.astimezone(head.zone):%Y-%m-%d}@{head.domain}"


def write_letters(
    rule: AlertRule, judgement: Judgement, *, at: datetime, thread_id: str, head: Letterhead, now: datetime
) -> list[OutboxMail]:
    """One mail per kind and recipient. at: end of the judged window; now: when the mails may leave."""
    lasting = [_row(finding, f"已持续 {duration(at - event.opened_at)}") for event, finding in judgement.lasting]
    mails: list[OutboxMail] = []

    def write(kind: Kind, rows: Iterable[Row], since: Iterable[datetime]) -> None:
        occasion = Occasion(
            kind=kind,
            rule=rule,
            start=at - timedelta(seconds=rule.window_s),
            end=at,
            rows=tuple(sorted(rows, key=lambda row: -(row.value or 0))),
            lasted=at - min(since, default=at),
        )
        mails.extend(_address(occasion, thread_id, head, now))

    if judgement.opened:
        new = [_row(finding, "新") for finding in judgement.opened]
        write("opened", [*new, *lasting], ())
    elif judgement.remind:
        write("reminder", lasting, (event.opened_at for event, _ in judgement.lasting))
    if judgement.closed:
        closed = [
            Row(
                api_name=event.api_name,
                value=event.peak,
                p95_ms=event.p95_ms,
                calls=event.calls,
                errors=event.errors,
                note=f"持续 {duration(at - event.opened_at)}",
            )
            for event in judgement.closed
        ]
        write("closed", closed, (event.opened_at for event in judgement.closed))
    return mails


def _address(occasion: Occasion, thread_id: str, head: Letterhead, now: datetime) -> Iterable[OutboxMail]:
    text = compose(occasion, zone=head.zone, console_url=head.console_url)
    for recipient in dict.fromkeys(occasion.rule.recipients):
        yield OutboxMail(
            rule_id=occasion.rule.id,
            alert_group=GROUP,
            window_start=occasion.start,
            kind=occasion.kind,
            recipient=recipient,
            subject=text.subject[:255],
            body_text=text.text,
            body_html=text.html,
            message_id=f"{occasion.kind}.{int(occasion.start.timestamp())}.{_digest(occasion.rule, recipient)}@{head.domain}",
            thread_id=thread_id,
            next_at=now,
            create_time=now,
        )


def _digest(rule: AlertRule, recipient: str = "") -> str:
    # The rule's time of making tells installations apart that share a mail domain and mostly the same rule numbers.
    identity = f"{rule.id}|{rule.create_time.isoformat()}|{GROUP}|{recipient}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _row(finding: Finding, note: str) -> Row:
    return Row(
        api_name=finding.api_name,
        value=finding.value,
        p95_ms=finding.p95_ms,
        calls=finding.calls,
        errors=finding.errors,
        note=note,
        detail=finding.detail,
    )
