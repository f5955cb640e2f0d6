"""Which APIs are over a rule's limit, and what that changes. Pure: no time, no I/O, so that every case can be tested."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.repository.events import AlertEvent
from monitor.repository.rules import AlertRule
from openplatform.records import ApiStats

BLIND = "blind"
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
    """Something over its limit in one window. api_name None = the log pipeline itself; value None = nothing could be asked."""

    api_name: str | None
    value: float | None
    calls: int | None = None
    errors: int | None = None
    p95_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one window changes under one rule.

    opened: newly over the limit; lasting: open and still over it, with what was found now; resting: open, but not over the limit
    (or not to be seen) in this window; closed: under the limit long enough; remind: a lasting one was last mailed too long ago.
    """

    opened: tuple[Finding, ...] = ()
    lasting: tuple[tuple[AlertEvent, Finding], ...] = ()
    resting: tuple[AlertEvent, ...] = ()
    closed: tuple[AlertEvent, ...] = ()
    remind: bool = False


def over_limit(rule: AlertRule, stats: Sequence[ApiStats], ruled_apis: Collection[str]) -> list[Finding]:
    """The APIs over the rule's threshold (at it is not over it) with at least min_calls, worst first.

    ruled_apis: APIs with a rule of their own for this metric, which a rule for all APIs leaves alone.
    """
    metric = METRICS[rule.metric]
    findings = [
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
        and metric(each) > rule.threshold
    ]
    return sorted(findings, key=lambda finding: (-(finding.value or 0), finding.api_name or ""))


def judge(
    findings: Sequence[Finding],
    open_events: Sequence[AlertEvent],
    at: datetime,
    *,
    may_close: bool,
    clean_windows: int,
    reminder_s: int,
) -> Judgement:
    """Compares what was found in the window that ended `at` with the rule's open alerts.

    may_close: False while the logs are not all there: then silence proves nothing. clean_windows: how many windows under the
    limit, in a row, close an alert.
    """
    open_by_api = {event.api_name: event for event in open_events}
    found = {finding.api_name for finding in findings}
    opened = tuple(finding for finding in findings if finding.api_name not in open_by_api)
    lasting = tuple((open_by_api[f.api_name], f) for f in findings if f.api_name in open_by_api)
    quiet = [event for event in open_events if event.api_name not in found]
    closed = tuple(event for event in quiet if may_close and event.clean_windows + 1 >= clean_windows)
    patience = timedelta(seconds=reminder_s)
    return Judgement(
        opened=opened,
        lasting=lasting,
        resting=tuple(event for event in quiet if event not in closed),
        closed=closed,
        # An opening mail lists the lasting ones too and so reminds of them.
        remind=not opened and any(event.notified_at <= at - patience for event, _ in lasting),
    )
