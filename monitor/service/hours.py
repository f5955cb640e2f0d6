"""At which hours a rule writes mails. Outside them it is judged as always, and what still stands when they begin is told then. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.repository.rules import AlertRule
from monitor.repository.silences import Silence

_LOOK_DAYS = 16
"""A rule of one day a week whose span is skipped by clocks put forward begins in the week after."""
_LONGEST_STEP_MIN = 120
"""By which clocks are put forward or back, at most: Antarctica/Troll."""


def in_hours(rule: AlertRule, at: datetime, zone: ZoneInfo) -> bool:
    """Whether the rule writes mails at this moment, by the clocks on the wall of the zone: what a change to or from summer time
    skips never comes, what it repeats comes twice. A span over midnight belongs to the day on which it begins."""
    local = at.astimezone(zone)
    day, clock = local.isoweekday(), f"{local:%H:%M}"
    if rule.active_from and rule.active_to:
        is_overnight = rule.active_from > rule.active_to
        if is_overnight and clock < rule.active_to:
            day = day - 1 or 7
        elif clock < rule.active_from or (clock >= rule.active_to and not is_overnight):
            return False
    return not rule.active_days or day in rule.active_days


def begin_next(rule: AlertRule, at: datetime, zone: ZoneInfo) -> datetime | None:
    """When the rule's hours begin next, to the minute, UTC; None while they are on."""
    if in_hours(rule, at, zone):
        return None
    beginning = time.fromisoformat(rule.active_from or "00:00")
    today = at.astimezone(zone).date()
    days = [today + timedelta(days=ahead) for ahead in range(_LOOK_DAYS)]
    soon = at + timedelta(minutes=_LONGEST_STEP_MIN)
    # Clocks put back bring hours again that were on just now.
    is_repeated = at.astimezone(zone).utcoffset() != soon.astimezone(zone).utcoffset()
    starts = [at.replace(second=0, microsecond=0).astimezone(UTC)] if is_repeated else []
    for day in days:
        if not rule.active_days or day.isoweekday() in rule.active_days:
            both = (datetime.combine(day, beginning, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
            starts += sorted({*both})
    for start in starts:
        # A beginning that clocks put forward skip is when they have skipped it.
        for minutes in range(_LONGEST_STEP_MIN + 1):
            moment = start + timedelta(minutes=minutes)
            if moment > at and in_hours(rule, moment, zone):
                return moment
    return None


def muted(rule: AlertRule, silences: Sequence[Silence], at: datetime, zone: ZoneInfo) -> Callable[[str | None], bool]:
    """Of which subjects nobody is to be told now: of all outside the rule's hours, else of those that a silence covers."""
    is_off = not in_hours(rule, at, zone)
    return lambda subject: is_off or any(silence.covers(rule.id, subject) for silence in silences)
