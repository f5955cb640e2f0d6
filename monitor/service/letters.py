"""From a judgement to rows of the outbox: which mails an evaluated window asks for, with ids that every attempt shares. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.repository.events import AlertEvent
from monitor.repository.mails import OutboxMail
from monitor.repository.rules import AlertRule
from monitor.service.judgement import METRICS, Judgement, Seen
from monitor.service.mail_layout import MailText
from monitor.service.mail_text import Affected, Kind, Occasion, Row, compose

GROUP = "all"
"""All alerts of a rule share mails; the column leaves room for rules that group by service or team."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all mails share. domain: behind the @ of their ids; console_url: "" = no links."""

    domain: str
    zone: ZoneInfo
    console_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known beside the judgement. at: end of the judged window; now: when mails may leave; before: the metric of each API
    in the window before; called: APIs that were called enough to be judged; event_ids: of the alerts, by API."""

    at: datetime
    now: datetime
    thread_id: str
    before: Mapping[str | None, float] = field(default_factory=dict)
    called: Mapping[str | None, float] = field(default_factory=dict)
    affected: Affected = field(default_factory=Affected)
    event_ids: Mapping[str | None, int] = field(default_factory=dict)


def thread_of(rule: AlertRule, open_events: Sequence[AlertEvent], at: datetime, head: Letterhead) -> str:
    """The id that the group's mails refer to: that of the open alerts, else a new one named by the day in the platform's zone."""
    if open_events:
        return open_events[0].thread_id
    return f"alert-{_digest(rule)}-{at.astimezone(head.zone):%Y-%m-%d}@{head.domain}"


def write_letters(rule: AlertRule, judgement: Judgement, known: Circumstances, *, head: Letterhead) -> list[OutboxMail]:
    """One mail per kind and recipient."""
    lasting = [_row(each, known) for each in judgement.lasting_told]
    mails: list[OutboxMail] = []

    def write(kind: Kind, rows: Iterable[Row], since: Iterable[datetime]) -> None:
        worst_first = tuple(sorted(rows, key=lambda row: -(row.value or 0)))
        occasion = Occasion(
            kind=kind,
            rule=rule,
            start=known.at - timedelta(seconds=rule.window_s),
            end=known.at,
            rows=worst_first,
            lasted=known.at - min(since, default=known.at),
            affected=Affected() if kind == "closed" else known.affected,
            event_id=known.event_ids.get(worst_first[0].api_name, 0),
        )
        mails.extend(
            addressed(
                rule,
                kind,
                occasion.start,
                lambda language: compose(occasion, zone=head.zone, console_url=head.console_url, language=language),
                thread_id=known.thread_id,
                head=head,
                now=known.now,
            )
        )

    if judgement.news:
        write("opened", [*(_row(each, known) for each in judgement.news), *lasting], ())
    elif judgement.remind:
        write("reminder", lasting, (e.event.opened_at for e in judgement.lasting_told if e.event))
    if judgement.closed_told:
        closed = [
            Row(
                api_name=event.api_name,
                value=event.peak,
                p95_ms=event.p95_ms,
                calls=event.calls,
                errors=event.errors,
                age=known.at - event.opened_at,
                ends_without_calls=rule.metric in METRICS and event.api_name not in known.called,
            )
            for event in judgement.closed_told
        ]
        write("closed", closed, (event.opened_at for event in judgement.closed_told))
    return mails


def addressed(
    rule: AlertRule,
    kind: str,
    window_start: datetime,
    text_in: Callable[[str], MailText],
    *,
    thread_id: str,
    head: Letterhead,
    now: datetime,
    group: str = GROUP,
) -> Iterable[OutboxMail]:
    """The mail to each of the rule's recipients, in their language; a recipient that is named twice gets one."""
    for recipient, language in dict(rule.recipients).items():
        text = text_in(language)
        yield OutboxMail(
            rule_id=rule.id,
            alert_group=group,
            window_start=window_start,
            kind=kind,
            recipient=recipient,
            subject=text.subject[:255],
            body_text=text.text,
            body_html=text.html,
            message_id=f"{kind}.{int(window_start.timestamp())}.{_digest(rule, recipient, group)}@{head.domain}",
            thread_id=thread_id,
            next_at=now,
            create_time=now,
            language=language,
        )


def _digest(rule: AlertRule, recipient: str = "", group: str = GROUP) -> str:
    # The rule's time of making tells installations apart that share a mail domain and mostly the same rule numbers.
    identity = f"{rule.id}|{rule.create_time.isoformat()}|{group}|{recipient}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _row(seen: Seen, known: Circumstances) -> Row:
    event, finding = seen
    return Row(
        api_name=finding.api_name,
        value=finding.value,
        p95_ms=finding.p95_ms,
        calls=finding.calls,
        errors=finding.errors,
        age=None if event is None or event.is_pending else known.at - event.opened_at,
        before=known.before.get(finding.api_name),
        detail=finding.detail,
    )
