"""At which hours a rule writes mails. Outside them it is judged as always, and what still stands when they begin is told then. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.repository.rules import AlertRule
from monitor.repository.silences import Silence


def in_hours(rule: AlertRule, at: datetime, zone: ZoneInfo) -> bool:
    """Whether the rule writes mails at this moment, by the clocks on the wall of the zone: what a change to or from summer time
    skips never comes, what it repeats comes twice. A span over midnight belongs to the day on which it begins."""
    local = at.astimezone(zone)
    day, time = local.isoweekday(), f"{local:%H:%M}"
    if rule.active_from and rule.active_to:
        is_overnight = rule.active_from > rule.active_to
        if is_overnight and time < rule.active_to:
            day = day - 1 or 7
        elif time < rule.active_from or (time >= rule.active_to and not is_overnight):
            return False
    return not rule.active_days or day in rule.active_days


def muted(rule: AlertRule, silences: Sequence[Silence], at: datetime, zone: ZoneInfo) -> Callable[[str | None], bool]:
    """Of which subjects nobody is to be told now: of all outside the rule's hours, else of those that a silence covers."""
    is_off = not in_hours(rule, at, zone)
    return lambda subject: is_off or any(silence.covers(rule.id, subject) for silence in silences)
