"""At which moments a rule writes mails: days, spans over midnight, changes to and from summer time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.repository.silences import Silence
from monitor.service.hours import begin_next, in_hours, muted
from tests.unit.monitor.samples import NOON, rule

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
WEEK = (1, 2, 3, 4, 5)


def at(text: str) -> datetime:
    """A moment with its offset; 2026-11-23 is a Monday."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("days", "span", "moment", "expected"),
    [
        ((), "", "2026-11-22 03:00+08:00", True),
        (WEEK, "", "2026-11-23 00:00+08:00", True),
        (WEEK, "", "2026-11-22 23:59+08:00", False),
        (WEEK, "", "2026-11-22 16:00+00:00", True),
        ((), "09:00-18:00", "2026-11-22 08:59:59+08:00", False),
        ((), "09:00-18:00", "2026-11-22 09:00+08:00", True),
        ((), "09:00-18:00", "2026-11-22 17:59:59+08:00", True),
        ((), "09:00-18:00", "2026-11-22 18:00+08:00", False),
        (WEEK, "09:00-18:00", "2026-11-22 12:00+08:00", False),
        ((5,), "22:00-06:00", "2026-11-27 21:59+08:00", False),
        ((5,), "22:00-06:00", "2026-11-27 22:00+08:00", True),
        ((5,), "22:00-06:00", "2026-11-28 05:59+08:00", True),
        ((5,), "22:00-06:00", "2026-11-28 06:00+08:00", False),
        ((5,), "22:00-06:00", "2026-11-27 05:00+08:00", False),
        ((7,), "22:00-06:00", "2026-11-23 05:00+08:00", True),
        ((1,), "22:00-06:00", "2026-11-23 05:00+08:00", False),
        ((), "09:00-00:00", "2026-11-22 23:59+08:00", True),
        ((), "09:00-00:00", "2026-11-23 00:00+08:00", False),
        ((1,), "00:00-00:01", "2026-11-23 00:00+08:00", True),
    ],
)
def test_days_and_hours(days: tuple[int, ...], span: str, moment: str, expected: bool) -> None:
    """A beginning belongs to the span, its end does not; a night belongs to the day on which it begins."""
    begins, _, ends = span.partition("-")
    limited = rule(active_days=days, active_from=begins or None, active_to=ends or None)
    assert in_hours(limited, at(moment), SHANGHAI) is expected


@pytest.mark.parametrize(
    ("days", "span", "zone", "moment", "expected"),
    [
        (WEEK, "09:00-18:00", SHANGHAI, "2026-11-27 18:00+08:00", "2026-11-30 09:00+08:00"),
        (WEEK, "09:00-18:00", SHANGHAI, "2026-11-30 08:59:59.5+08:00", "2026-11-30 09:00+08:00"),
        (WEEK, "09:00-18:00", SHANGHAI, "2026-11-30 01:30+00:00", None),
        ((), "22:00-06:00", SHANGHAI, "2026-11-30 06:00+08:00", "2026-11-30 22:00+08:00"),
        ((5,), "22:00-06:00", SHANGHAI, "2026-11-27 05:00+08:00", "2026-11-27 22:00+08:00"),
        ((3,), "", SHANGHAI, "2026-11-26 00:00+08:00", "2026-12-02 00:00+08:00"),
        ((), "", SHANGHAI, "2026-11-26 00:00+08:00", None),
        ((), "09:00-10:00", BERLIN, "2026-10-24 12:00+02:00", "2026-10-25 09:00+01:00"),
        ((), "02:30-04:00", BERLIN, "2026-03-29 00:00+01:00", "2026-03-29 03:00+02:00"),
        ((7,), "02:10-02:20", BERLIN, "2026-03-29 00:00+01:00", "2026-04-05 02:10+02:00"),
        ((), "01:00-02:30", BERLIN, "2026-10-25 02:40+02:00", "2026-10-25 02:00+01:00"),
        ((), "02:10-02:20", BERLIN, "2026-10-25 02:30+02:00", "2026-10-25 02:10+01:00"),
    ],
)
def test_when_hours_begin_next(
    days: tuple[int, ...], span: str, zone: ZoneInfo, moment: str, expected: str | None
) -> None:
    """To the minute, over days off and changes of the clocks; nothing while they are on, or for a rule without hours."""
    begins, _, ends = span.partition("-")
    limited = rule(active_days=days, active_from=begins or None, active_to=ends or None)
    assert begin_next(limited, at(moment), zone) == (expected and at(expected))


def test_summer_time_moves_the_hours_with_the_clocks_on_the_wall() -> None:
    """09:00 in Berlin is 07:00 UTC in summer, 08:00 in winter; a skipped hour never comes, a repeated one comes twice."""
    day = rule(active_from="09:00", active_to="10:00")
    assert [in_hours(day, at(f"2026-10-24 0{hour}:30+00:00"), BERLIN) for hour in (7, 8)] == [True, False]
    assert [in_hours(day, at(f"2026-10-26 0{hour}:30+00:00"), BERLIN) for hour in (7, 8)] == [False, True]
    night = rule(active_from="02:00", active_to="03:00")
    spring = [in_hours(night, at(f"2026-03-29 0{hour}:30+00:00"), BERLIN) for hour in (0, 1)]
    autumn = [in_hours(night, at(f"2026-10-25 0{hour}:30+00:00"), BERLIN) for hour in (0, 1)]
    assert (spring, autumn) == ([False, False], [True, True])


def test_outside_its_hours_a_rule_tells_of_nothing_and_inside_silences_count() -> None:
    """Every subject, then those that a silence covers."""
    silence = Silence(rule_id=1, api_name="a", until=NOON, reason="x", created_by="x", create_time=NOON)
    day = rule(active_from="09:00", active_to="10:00")
    off = muted(day, [], at("2026-11-22 08:00+08:00"), SHANGHAI)
    on = muted(day, [silence], at("2026-11-22 09:00+08:00"), SHANGHAI)
    assert (off("a"), off(None), on("a"), on("b")) == (True, True, True, False)
