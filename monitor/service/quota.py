"""Which apps have used 70, 90 or 100 % of their day: told once for each app, day and level. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from monitor.repository.events import AlertEvent
from monitor.repository.rules import AlertRule
from openplatform.records import AppUse, AppUses

LEVELS = (70, 90, 100)
"""Percent of the day's limit; a rule's threshold leaves out those below it."""


class AppUsage(Protocol):
    """How much of their day apps have used, for whoever warns them."""

    async def moved(self, since_s: int) -> AppUses:
        """The apps that called since then (taken_at_s of the last answer, 0 = all of two days), and perhaps some more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaNews:
    """An app that reached a level. event: as it is to be saved; its threshold is the level."""

    use: AppUse
    event: AlertEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaJudgement:
    """told: apps at a new level of which people hear; saved: every event that changed, those of `told` among them."""

    told: tuple[QuotaNews, ...] = ()
    saved: tuple[AlertEvent, ...] = ()


def judge_quota(
    rule: AlertRule,
    uses: Sequence[AppUse],
    open_events: Sequence[AlertEvent],
    at: datetime,
    *,
    zone: ZoneInfo,
    thread_id: str,
    group: str,
    is_silenced: Callable[[str | None], bool],
    is_held: bool = False,
) -> QuotaJudgement:
    """Compares what apps have used with the day's alerts; those of another day end without a word: a new day began.

    is_silenced: of whom nobody is told, a level that is reached meanwhile is past. is_held: nobody is told of anybody yet; levels
    stay to be told. An event's threshold is the level that it was told at, None = at none yet.
    """
    today = f"{at.astimezone(zone):%Y%m%d}"
    known = {event.app_key: event for event in open_events if event.detail.startswith(today)}
    saved = [replace(event, closed_at=at) for event in open_events if event not in known.values()]
    told = []
    for use in sorted((use for use in uses if use.day == today), key=_share, reverse=True):
        level = max((level for level in LEVELS if rule.threshold <= level <= _share(use)), default=None)
        if level is None:
            continue
        old = known.get(use.app_key)
        share = round(_share(use), 1)
        is_new = old is None or (old.threshold or 0) < level
        if old is not None and old.value == share and (is_held or not is_new):
            continue
        is_told = is_new and not is_held and not is_silenced(use.app_key)
        known_level = old.threshold if old else None
        event = AlertEvent(
            id=old.id if old else 0,
            rule_id=rule.id,
            alert_group=group,
            api_name=None,
            app_key=use.app_key,
            value=share,
            peak=max(share, (old.peak or 0) if old else 0),
            calls=use.day_used,
            errors=None,
            p95_ms=None,
            detail=f"{today} {use.app_name}: {use.day_used} / {use.daily_limit}"[:255],
            thread_id=old.thread_id if old else thread_id,
            opened_at=old.opened_at if old else at,
            seen_at=at,
            notified_at=at if is_told else old.notified_at if old else None,
            over_windows=old.over_windows + 1 if old else 1,
            threshold=level if is_new and not is_held else known_level,
        )
        saved.append(event)
        if is_told:
            told.append(QuotaNews(use=use, event=event))
    return QuotaJudgement(told=tuple(told), saved=tuple(saved))


def _share(use: AppUse) -> float:
    """Percent. An app that may not call at all uses nothing up."""
    return 100 * use.day_used / use.daily_limit if use.daily_limit else 0.0
