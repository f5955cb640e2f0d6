"""One window: ask log_indexer, judge every rule, and write alerts and mails in one transaction that owns the window.

The transaction takes the window first and refuses one that was taken, or an older one: whatever the lock does, no window is
judged twice. What cannot be asked is an alert of its own ("blind"), and while it lasts nothing is called fine again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from monitor.repository.events import AlertEvent, add_samples, drop_event, open_events, save_event
from monitor.repository.rules import AlertRule, enabled_rules
from monitor.repository.silences import Silence, silences_at
from monitor.repository.windows import claim_window
from monitor.service.affected import CallStatistics, affected_calls
from monitor.service.hours import in_hours, muted
from monitor.service.judgement import (
    BLIND,
    METRICS,
    NO_DATA,
    QUOTA,
    Finding,
    Judgement,
    Patience,
    after,
    judge,
    over_limit,
    too_few_calls,
    values_of,
)
from monitor.service.letters import GROUP, Circumstances, Letterhead, thread_of, write_letters
from monitor.service.mail_text import Affected
from monitor.service.notices import QUOTA_GROUP, quota_mails
from monitor.service.post import StormCap, post, post_digests
from monitor.service.quota import AppUsage, judge_quota
from openplatform.errors import OpenPlatformError
from openplatform.ports import Clock
from openplatform.records import ApiStats, AppUse
from openplatform.sql import AsyncConnection, Database

log = logging.getLogger(__name__)

Outcome = Literal["evaluated", "blind", "already"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What could be seen at one moment. stats: by length of window, s; failure: why nothing could be asked, "" = it could; uses,
    uses_at_s: of apps' days, None = could not be asked."""

    stats: dict[int, Sequence[ApiStats]]
    lag_s: float = 0.0
    failure: str = ""
    uses: Sequence[AppUse] | None = None
    uses_at_s: int = 0

    def is_blind(self, rules: Sequence[AlertRule]) -> bool:
        """Whether nothing was to be seen, or less than there is."""
        return bool(self.failure) or any(self.lag_s > rule.threshold for rule in rules if rule.metric == BLIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """What a mail says beside the judgement, gathered before the transaction."""

    before: dict[str | None, float] = field(default_factory=dict)
    affected: Affected = field(default_factory=Affected)


class Evaluation:
    """Judges windows. Raises PlatformUnavailable when the monitor's own database cannot be reached."""

    def __init__(
        self,
        database: Database,
        statistics: CallStatistics,
        usage: AppUsage,
        clock: Clock,
        *,
        patience: Patience,
        head: Letterhead,
        cap: StormCap,
    ) -> None:
        self._database = database
        self._statistics = statistics
        self._usage = usage
        self._clock = clock
        self._patience = patience
        self._head = head
        self._cap = cap
        self._uses_since_s = 0

    async def evaluate(self, ended_s: int) -> Outcome:
        """Judges the windows that end at this second of the epoch; `already` = they were judged before."""
        rules = await enabled_rules(self._database)
        view = await self._look(rules, ended_s)
        more = await self._ask_more(rules, view, ended_s)
        at = _moment(ended_s)

        async def write(connection: AsyncConnection) -> Outcome:
            if not await claim_window(connection, ended_s):
                return "already"
            events, silences = await open_events(connection), await silences_at(connection, at)
            for rule in rules:
                of_rule = [event for event in events if event.rule_id == rule.id]
                if rule.metric == QUOTA:
                    await self._apply_quota(connection, rule, view, of_rule, silences, at)
                else:
                    judgement = self._judge(rule, rules, view, of_rule, silences, at)
                    if judgement is not None:
                        may_close = self._may_close(rule, rules, view)
                        extra = more.get(rule.id, More())
                        await self._apply(connection, rule, judgement, view, of_rule, extra, at, may_close=may_close)
            await _close_abandoned(connection, rules, events, at)
            await post_digests(connection, rules, self._cap, at=at, now=self._now(), head=self._head)
            return "blind" if view.is_blind(rules) else "evaluated"

        outcome = await self._database.run(write)
        # Outside a quota rule's hours the apps are asked for again and again: who rests when they begin is told of too.
        is_held = any(rule.metric == QUOTA and not in_hours(rule, at, self._head.zone) for rule in rules)
        if outcome != "already" and view.uses is not None and not is_held:
            self._uses_since_s = view.uses_at_s
        return outcome

    async def _look(self, rules: Sequence[AlertRule], ended_s: int) -> View:
        stats: dict[int, Sequence[ApiStats]] = {}
        lag_s, failure = 0.0, ""
        try:
            lag_s = (await self._statistics.lag()).lag_s
            for window_s in sorted({rule.window_s for rule in rules if rule.metric not in (BLIND, QUOTA)}):
                from_ms = (ended_s - window_s) * 1000
                stats[window_s] = await self._statistics.stats(from_ms=from_ms, to_ms=ended_s * 1000)
        except OpenPlatformError as error:
            log.warning("the call logs cannot be asked: %s", error)
            failure = error.sub_msg or error.msg
        uses, uses_at_s = None, 0
        if any(rule.metric == QUOTA for rule in rules):
            try:
                moved = await self._usage.moved(self._uses_since_s)
                uses, uses_at_s = moved.uses, moved.taken_at_s
            except OpenPlatformError as error:
                log.warning("apps' use of their day cannot be asked: %s", error.sub_msg)
        return View(stats=stats, lag_s=lag_s, failure=failure, uses=uses, uses_at_s=uses_at_s)

    async def _ask_more(self, rules: Sequence[AlertRule], view: View, ended_s: int) -> dict[int, More]:
        """By rule, for those that will write a mail. The transaction judges once more: what has changed until then goes without."""
        async with self._database.read() as connection:
            events, silences = await open_events(connection), await silences_at(connection, _moment(ended_s))
        more: dict[int, More] = {}
        for rule in rules:
            if rule.metric not in METRICS:
                continue
            of_rule = [event for event in events if event.rule_id == rule.id]
            judgement = self._judge(rule, rules, view, of_rule, silences, _moment(ended_s))
            if judgement is None or not (judgement.news or judgement.remind):
                continue
            names = [each.finding.api_name for each in (*judgement.news, *judgement.lasting_told)]
            start_ms, window_ms = (ended_s - rule.window_s) * 1000, rule.window_s * 1000
            affected = await affected_calls(
                self._statistics, rule, [name for name in names if name], from_ms=start_ms, to_ms=ended_s * 1000
            )
            more[rule.id] = More(before=await self._before(rule, start_ms, window_ms), affected=affected)
        return more

    async def _before(self, rule: AlertRule, start_ms: int, window_ms: int) -> dict[str | None, float]:
        try:
            stats = await self._statistics.stats(from_ms=start_ms - window_ms, to_ms=start_ms)
        except OpenPlatformError as error:
            log.info("the mail goes without the window before: %s", error)
            return {}
        return values_of(rule, stats)

    def _judge(
        self,
        rule: AlertRule,
        rules: Sequence[AlertRule],
        view: View,
        events: Sequence[AlertEvent],
        silences: Sequence[Silence],
        at: datetime,
    ) -> Judgement | None:
        findings = _findings(rule, rules, view)
        if findings is None:
            return None
        return judge(
            findings,
            events,
            at,
            may_close=self._may_close(rule, rules, view),
            patience=self._patience,
            pending_windows=rule.pending_windows,
            is_silenced=muted(rule, silences, at, self._head.zone),
        )

    async def _apply(
        self,
        connection: AsyncConnection,
        rule: AlertRule,
        judgement: Judgement,
        view: View,
        events: Sequence[AlertEvent],
        more: More,
        at: datetime,
        *,
        may_close: bool,
    ) -> None:
        thread_id = thread_of(rule, events, at, self._head)
        changed = after(rule, judgement, at, thread_id=thread_id, group=GROUP, may_close=may_close)
        ids = {event.subject: await save_event(connection, event) for event in changed}
        for event in judgement.dropped:
            await drop_event(connection, event)
        called = values_of(rule, view.stats.get(rule.window_s, ())) if rule.metric in METRICS else {}
        sampled = {event.api_name: event.value for event in changed if event.seen_at == at} | called
        values = ((ids[name], value) for name, value in sampled.items() if name in ids and value is not None)
        await add_samples(connection, at, values)
        known = Circumstances(
            at=at,
            now=self._now(),
            thread_id=thread_id,
            before=more.before,
            called=called,
            affected=more.affected,
            event_ids=ids,
        )
        await post(connection, write_letters(rule, judgement, known, head=self._head), self._cap, self._now())

    async def _apply_quota(
        self,
        connection: AsyncConnection,
        rule: AlertRule,
        view: View,
        events: Sequence[AlertEvent],
        silences: Sequence[Silence],
        at: datetime,
    ) -> None:
        if view.uses is None:
            return
        thread_id = thread_of(rule, [], at, self._head)
        judgement = judge_quota(
            rule,
            view.uses,
            events,
            at,
            zone=self._head.zone,
            thread_id=thread_id,
            group=QUOTA_GROUP,
            is_held=not in_hours(rule, at, self._head.zone),
            is_silenced=muted(rule, silences, at, self._head.zone),
        )
        ids = [(await save_event(connection, event), event) for event in judgement.saved]
        await add_samples(connection, at, [(i, e.value) for i, e in ids if e.closed_at is None and e.value is not None])
        now = self._now()
        mails = quota_mails(rule, judgement.told, at=at, now=now, thread_id=thread_id, head=self._head)
        await post(connection, mails, self._cap, now)

    @staticmethod
    def _may_close(rule: AlertRule, rules: Sequence[AlertRule], view: View) -> bool:
        return rule.metric == BLIND or not view.is_blind(rules)

    def _now(self) -> datetime:
        return _moment(self._clock.now())


def _findings(rule: AlertRule, rules: Sequence[AlertRule], view: View) -> Sequence[Finding] | None:
    """None = the rule cannot be judged now: its alerts stay as they are."""
    if rule.metric == BLIND:
        if view.failure:
            return [Finding(api_name=None, value=None, detail=view.failure[:255])]
        return [Finding(api_name=None, value=view.lag_s)] if view.lag_s > rule.threshold else []
    if view.failure:
        return None
    stats = view.stats[rule.window_s]
    if rule.metric == NO_DATA:
        # Calls that are not indexed yet are no missing calls.
        return None if view.is_blind(rules) else too_few_calls(rule, stats)
    if rule.metric not in METRICS:
        log.error("rule %s watches the unknown metric %s", rule.name, rule.metric)
        return None
    own = {other.api_name for other in rules if other.metric == rule.metric and other.api_name is not None}
    return over_limit(rule, stats, own)


async def _close_abandoned(
    connection: AsyncConnection, rules: Sequence[AlertRule], events: Sequence[AlertEvent], at: datetime
) -> None:
    """Ends alerts whose rule was switched off: nobody judges them any more. Nobody is told: an operator did it."""
    in_force = {rule.id for rule in rules}
    for event in events:
        if event.rule_id in in_force:
            continue
        if event.is_pending:
            await drop_event(connection, event)
        else:
            await save_event(connection, replace(event, closed_at=at, detail="rule switched off"))


def _moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
