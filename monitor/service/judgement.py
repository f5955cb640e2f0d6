"""Which APIs are over a rule's limit, and what that changes. Pure: no time, no I/O, so that every case can be tested."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from monitor.repository.events import AlertEvent
from monitor.repository.rules import AlertRule
from openplatform.records import ApiStats

BLIND, NO_DATA, QUOTA = "blind", "no_data", "quota"
"""What is watched besides the METRICS of each API: the log pipeline's lag, that calls come at all, apps' use of their day."""
MAX_NAME = 100
"""Longest name of an API in the route table; what callers sent beyond it is no name, and must not break the database."""
METRICS: Mapping[str, Callable[[ApiStats], float]] = {
    "mean_ms": lambda stats: stats.mean_ms,
    "p95_ms": lambda stats: stats.p95_ms,
    "error_rate": lambda stats: 100 * stats.errors / stats.calls,
}
"""What a rule can watch of an API, in the unit of its threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something beyond its limit in one window. api_name None = the log pipeline itself, or all APIs together; value None =
    nothing could be asked."""

    api_name: str | None
    value: float | None
    calls: int | None = None
    errors: int | None = None
    p95_ms: float | None = None
    detail: str = ""


class Seen(NamedTuple):
    """An alert and what was found of it now. event None = it begins in this window."""

    event: AlertEvent | None
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one window changes under one rule.

    waiting: over the limit, but not for long enough; opened: an alert from now on; lasting: was one and still is; resting: open,
    but not over the limit (or not to be seen) in this window; closed: under the limit long enough; dropped: waited, and is fine.

    Of these people are told: news (opened, or open and never told of, since it was silenced), lasting_told (beside the news, or as
    a reminder if `remind`), closed_told.
    """

    waiting: tuple[Seen, ...] = ()
    opened: tuple[Seen, ...] = ()
    lasting: tuple[Seen, ...] = ()
    resting: tuple[AlertEvent, ...] = ()
    closed: tuple[AlertEvent, ...] = ()
    dropped: tuple[AlertEvent, ...] = ()
    news: tuple[Seen, ...] = ()
    lasting_told: tuple[Seen, ...] = ()
    remind: bool = False
    closed_told: tuple[AlertEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """clean_windows: under the limit, in a row, until an alert closes; reminder_s: between two mails of a lasting alert."""

    clean_windows: int
    reminder_s: int


def over_limit(rule: AlertRule, stats: Sequence[ApiStats], ruled_apis: Collection[str]) -> list[Finding]:
    """The APIs over the rule's threshold (at it is not over it) with at least min_calls, worst first.

    ruled_apis: APIs with a rule of their own for this metric, which a rule for all APIs leaves alone.
    """
    found = [finding for finding in _judged(rule, stats, ruled_apis) if (finding.value or 0) > rule.threshold]
    return sorted(found, key=lambda finding: (-(finding.value or 0), finding.api_name or ""))


def values_of(rule: AlertRule, stats: Sequence[ApiStats]) -> dict[str | None, float]:
    """The metric of every API, also of those under the limit."""
    return {f.api_name: f.value for f in _judged(rule, stats, ()) if f.value is not None}


def too_few_calls(rule: AlertRule, stats: Sequence[ApiStats]) -> list[Finding]:
    """The rule's API, or all APIs together, if it had fewer calls than the threshold."""
    calls = sum(each.calls for each in stats if rule.api_name in (None, each.api_name))
    return [Finding(api_name=rule.api_name, value=calls, calls=calls)] if calls < rule.threshold else []


def _judged(rule: AlertRule, stats: Sequence[ApiStats], ruled_apis: Collection[str]) -> list[Finding]:
    metric = METRICS[rule.metric]
    return [
        Finding(
            api_name=each.api_name[:MAX_NAME],
            value=metric(each),
            calls=each.calls,
            errors=each.errors,
            p95_ms=each.p95_ms,
        )
        for each in stats
        if each.calls >= max(rule.min_calls, 1)
        and (each.api_name == rule.api_name if rule.api_name is not None else each.api_name not in ruled_apis)
    ]


def judge(
    findings: Sequence[Finding],
    open_events: Sequence[AlertEvent],
    at: datetime,
    *,
    may_close: bool,
    patience: Patience,
    pending_windows: int = 0,
    is_silenced: Callable[[str | None], bool] = lambda _: False,
) -> Judgement:
    """Compares what was found in the window that ended `at` with the rule's open alerts.

    may_close: False while the logs are not all there: then silence proves nothing. pending_windows: how often something is over
    the limit before it is an alert. is_silenced: whether nobody is to be told of this API now.
    """
    open_by_api = {event.api_name: event for event in open_events}
    seen = [Seen(open_by_api.get(finding.api_name), finding) for finding in findings]
    lasting = tuple(each for each in seen if each.event is not None and not each.event.is_pending)
    young = [each for each in seen if each not in lasting]
    waiting = tuple(each for each in young if (each.event.over_windows if each.event else 0) < pending_windows)
    opened = tuple(each for each in young if each not in waiting)
    found = {finding.api_name for finding in findings}
    quiet = [event for event in open_events if event.api_name not in found]
    dropped = tuple(event for event in quiet if event.is_pending and may_close)
    alerts = [event for event in quiet if not event.is_pending]
    closed = tuple(e for e in alerts if may_close and e.clean_windows + 1 >= patience.clean_windows)

    untold = [each for each in lasting if each.event and each.event.notified_at is None]
    news = tuple(each for each in (*opened, *untold) if not is_silenced(each.finding.api_name))
    told = tuple(each for each in lasting if each not in untold and not is_silenced(each.finding.api_name))
    return Judgement(
        waiting=waiting,
        opened=opened,
        lasting=lasting,
        resting=tuple(event for event in quiet if event not in closed and event not in dropped),
        closed=closed,
        dropped=dropped,
        news=news,
        lasting_told=told,
        # A mail with news lists the lasting ones too and so reminds of them.
        remind=not news and any(_is_due(each.event, at, patience) for each in told),
        closed_told=tuple(e for e in closed if e.notified_at is not None and not is_silenced(e.api_name)),
    )


def _is_due(event: AlertEvent | None, at: datetime, patience: Patience) -> bool:
    """Whether its last mail is long ago. Who acknowledged it knows, and is left in peace."""
    if event is None or event.notified_at is None or event.acked_at is not None:
        return False
    return event.notified_at <= at - timedelta(seconds=patience.reminder_s)


def after(
    rule: AlertRule, judgement: Judgement, at: datetime, *, thread_id: str, group: str, may_close: bool
) -> list[AlertEvent]:
    """The events as they are after this window: new ones without an id, of those that are dropped none."""
    told = {each.finding.api_name for each in judgement.news}
    if judgement.news or judgement.remind:
        told |= {each.finding.api_name for each in judgement.lasting_told}

    def seen(each: Seen, *, is_pending: bool) -> AlertEvent:
        old, finding = each
        was_told = at if finding.api_name in told else old.notified_at if old else None
        return AlertEvent(
            id=old.id if old else 0,
            rule_id=rule.id,
            alert_group=group,
            api_name=finding.api_name,
            value=finding.value,
            peak=_worse(rule, old.peak if old else None, finding.value),
            calls=finding.calls,
            errors=finding.errors,
            p95_ms=finding.p95_ms,
            detail=finding.detail,
            thread_id=old.thread_id if old else thread_id,
            clean_windows=0,
            opened_at=at if old is None or (old.is_pending and not is_pending) else old.opened_at,
            seen_at=at,
            notified_at=was_told,
            over_windows=(old.over_windows if old else 0) + 1,
            is_pending=is_pending,
            threshold=rule.threshold,
        )

    resting = [replace(event, clean_windows=event.clean_windows + 1) for event in judgement.resting if may_close]
    closed = [replace(event, clean_windows=event.clean_windows + 1, closed_at=at) for event in judgement.closed]
    return [
        *(seen(each, is_pending=True) for each in judgement.waiting),
        *(seen(each, is_pending=False) for each in (*judgement.opened, *judgement.lasting)),
        *resting,
        *closed,
    ]


def _worse(rule: AlertRule, one: float | None, other: float | None) -> float | None:
    worst = min if rule.metric == NO_DATA else max
    return worst((value for value in (one, other) if value is not None), default=None)
