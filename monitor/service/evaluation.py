"""One minute: ask log_indexer, judge every rule, and write alerts and mails in one transaction that owns the minute.

The transaction takes the minute first and refuses one that was taken, or an older one: whatever the lock does, no window is
judged twice. What cannot be asked is an alert of its own ("blind"), and while it lasts nothing is called fine again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from monitor.clients import PipelineLag
from monitor.repository.events import AlertEvent, open_events, save_event
from monitor.repository.mails import add_mail
from monitor.repository.minutes import claim_minute
from monitor.repository.rules import AlertRule, enabled_rules
from monitor.service.judgement import BLIND, METRICS, Finding, Judgement, judge, over_limit
from monitor.service.letters import GROUP, Letterhead, thread_of, write_letters
from openplatform.errors import OpenPlatformError
from openplatform.ports import Clock
from openplatform.records import ApiStats
from openplatform.sql import AsyncConnection, Database

log = logging.getLogger(__name__)

Outcome = Literal["evaluated", "blind", "already"]


class CallStatistics(Protocol):
    """What the monitor asks of the call logs. Raises OpenPlatformError when it gets no answer."""

    async def stats(self, *, from_ms: int, to_ms: int) -> Sequence[ApiStats]: ...

    async def lag(self) -> PipelineLag: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What could be seen at one minute. stats: by length of window, s; failure: why nothing could be asked, "" = it could."""

    stats: dict[int, Sequence[ApiStats]]
    lag_s: float = 0.0
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """clean_windows: under the limit, in a row, until an alert closes; reminder_s: between two mails of a lasting alert."""

    clean_windows: int
    reminder_s: int


class Evaluation:
    """Judges minutes. Raises PlatformUnavailable when the monitor's own database cannot be reached."""

    def __init__(
        self, database: Database, statistics: CallStatistics, clock: Clock, *, patience: Patience, head: Letterhead
    ) -> None:
        self._database = database
        self._statistics = statistics
        self._clock = clock
        self._patience = patience
        self._head = head

    async def evaluate(self, minute: int) -> Outcome:
        """Judges the windows that end at the start of `minute` (minutes since the epoch); `already` = it was judged before."""
        rules = await enabled_rules(self._database)
        view = await self._look(rules, minute)
        is_blind = bool(view.failure) or any(view.lag_s > rule.threshold for rule in rules if rule.metric == BLIND)

        async def write(connection: AsyncConnection) -> Outcome:
            if not await claim_minute(connection, minute):
                return "already"
            events = await open_events(connection)
            for rule in rules:
                findings = _findings(rule, rules, view)
                if findings is None:
                    continue
                of_rule = [event for event in events if event.rule_id == rule.id and event.alert_group == GROUP]
                may_close = rule.metric == BLIND or not is_blind
                await self._apply(connection, rule, findings, of_rule, _moment(minute * 60), may_close=may_close)
            return "blind" if is_blind else "evaluated"

        return await self._database.run(write)

    async def _look(self, rules: Sequence[AlertRule], minute: int) -> View:
        to_ms = minute * 60_000
        stats: dict[int, Sequence[ApiStats]] = {}
        try:
            lag = await self._statistics.lag()
            for window_s in sorted({rule.window_s for rule in rules if rule.metric != BLIND}):
                stats[window_s] = await self._statistics.stats(from_ms=to_ms - window_s * 1000, to_ms=to_ms)
        except OpenPlatformError as error:
            log.warning("the call logs cannot be asked: %s", error)
            return View(stats={}, failure=error.sub_msg or error.msg)
        return View(stats=stats, lag_s=lag.lag_s)

    async def _apply(
        self,
        connection: AsyncConnection,
        rule: AlertRule,
        findings: Sequence[Finding],
        events: Sequence[AlertEvent],
        at: datetime,
        *,
        may_close: bool,
    ) -> None:
        judgement = judge(
            findings,
            events,
            at,
            may_close=may_close,
            clean_windows=self._patience.clean_windows,
            reminder_s=self._patience.reminder_s,
        )
        thread_id = thread_of(rule, events, at, self._head)
        for event in _changes(rule, judgement, at, thread_id, may_close=may_close):
            await save_event(connection, event)
        now = _moment(self._clock.now())
        for mail in write_letters(rule, judgement, at=at, thread_id=thread_id, head=self._head, now=now):
            if not await add_mail(connection, mail):
                log.warning("the %s mail of rule %s was in the outbox already", mail.kind, rule.name)


def _findings(rule: AlertRule, rules: Sequence[AlertRule], view: View) -> Sequence[Finding] | None:
    """None = the rule cannot be judged now: its alerts stay as they are."""
    if rule.metric == BLIND:
        if view.failure:
            return [Finding(api_name=None, value=None, detail=view.failure[:255])]
        if view.lag_s > rule.threshold:
            return [Finding(api_name=None, value=view.lag_s)]
        return []
    if view.failure:
        return None
    if rule.metric not in METRICS:
        log.error("rule %s watches the unknown metric %s", rule.name, rule.metric)
        return None
    own = {other.api_name for other in rules if other.api_name is not None and other.metric == rule.metric}
    return over_limit(rule, view.stats[rule.window_s], {name for name in own if name is not None})


def _changes(
    rule: AlertRule, judgement: Judgement, at: datetime, thread_id: str, *, may_close: bool
) -> Sequence[AlertEvent]:
    """The events as they are after this window."""
    is_mailed = bool(judgement.opened) or judgement.remind
    new = [
        AlertEvent(
            rule_id=rule.id,
            alert_group=GROUP,
            api_name=finding.api_name,
            value=finding.value,
            peak=finding.value,
            calls=finding.calls,
            errors=finding.errors,
            p95_ms=finding.p95_ms,
            detail=finding.detail,
            thread_id=thread_id,
            opened_at=at,
            seen_at=at,
            notified_at=at,
        )
        for finding in judgement.opened
    ]
    lasting = [
        replace(
            event,
            value=finding.value,
            peak=_worse(event.peak, finding.value),
            calls=finding.calls,
            errors=finding.errors,
            p95_ms=finding.p95_ms,
            detail=finding.detail,
            clean_windows=0,
            seen_at=at,
            notified_at=at if is_mailed else event.notified_at,
        )
        for event, finding in judgement.lasting
    ]
    resting = [replace(event, clean_windows=event.clean_windows + 1) for event in judgement.resting if may_close]
    closed = [replace(event, clean_windows=event.clean_windows + 1, closed_at=at) for event in judgement.closed]
    return [*new, *lasting, *resting, *closed]


def _worse(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
