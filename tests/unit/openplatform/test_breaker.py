"""When the breaker opens, whom it lets probe, which results count, and when it closes; the clock is turned by hand."""

import logging
import time

import pytest
from pybreaker import CircuitBreaker, CircuitBreakerListener, CircuitBreakerState

from openplatform.breaker import REFUSED, Breaker
from openplatform.records import BreakerReason, BreakerRules

RULES = BreakerRules(slow_ms=1000)


def opened(rules: BreakerRules = RULES, now: float = 100.0) -> Breaker:
    """A breaker that 20 failures have opened."""
    breaker = Breaker("svc", rules)
    for _ in range(20):
        breaker.failed(breaker.enter(now), now)
    assert breaker.state == "open"
    return breaker


def half_open(rules: BreakerRules = RULES) -> tuple[Breaker, list[int]]:
    """A breaker whose pause is over, and the permits of its probes."""
    breaker = opened(rules)
    permits = [breaker.enter(107.0) for _ in range(rules.permits)]
    assert breaker.state == "half-open" and REFUSED not in permits
    return breaker, permits


def test_four_errors_in_five_calls_open_it_within_25_calls() -> None:
    """80 % errors: opened by the 20th call; a count of failures in a row would never see it."""
    breaker = Breaker("svc")
    calls = 0
    while breaker.is_closed:
        calls += 1
        permit = breaker.enter(calls * 0.01)
        (breaker.succeeded if calls % 5 == 0 else breaker.failed)(permit, calls * 0.01)
    assert calls == 20


def test_few_calls_do_not_open_it_and_a_success_may_be_the_call_that_does() -> None:
    """Below min_calls nothing is judged; at it, the ratio is, whatever the last result was."""
    breaker = Breaker("svc")
    for _ in range(19):
        breaker.failed(breaker.enter(1.0), 1.0)
    assert breaker.is_closed
    breaker.succeeded(breaker.enter(1.0), 1.0)
    assert breaker.state == "open"


def test_failures_are_forgotten_after_the_window() -> None:
    """19 failures, then a pause of the window's length, then 19 more: closed."""
    breaker = Breaker("svc")
    for now in (50.5, 60.5):
        for _ in range(19):
            breaker.failed(breaker.enter(now), now)
    assert breaker.is_closed
    breaker.failed(breaker.enter(60.9), 60.9)
    assert breaker.state == "open"


def test_fewer_failures_than_the_ratio_leave_it_closed() -> None:
    """49 % for ever: closed."""
    breaker = Breaker("svc")
    for number in range(10_000):
        now = 1 + number / 100
        (breaker.failed if number % 100 >= 51 else breaker.succeeded)(breaker.enter(now), now)
    assert breaker.is_closed and breaker.opened == 0


def test_slow_calls_open_it() -> None:
    """Answers that are right but slower than slow_ms, 80 % of them; without slow_ms nothing is slow."""
    breaker, unhurried = Breaker("svc", RULES), Breaker("svc")
    for number in range(20):
        for each in (breaker, unhurried):
            each.succeeded(each.enter(1.0), 1.0, 1.001 if number % 5 else 1.0)
    assert (breaker.state, unhurried.state) == ("open", "closed")
    assert breaker.reason == BreakerReason(cause="calls", calls=20, slow=16)
    assert str(breaker.reason) == "0 of 20 calls failed, 16 were slow"


def test_open_it_refuses_for_its_pause_and_jitters_it() -> None:
    """Refused for 4 s in any case, half-open after 6 s in any case, and not all at the same moment."""
    pauses = set()
    for _ in range(50):
        breaker = opened()
        pauses.add(breaker.retry_after_s(100.0))
        assert breaker.enter(103.99) == REFUSED
        assert breaker.enter(106.01) != REFUSED
    assert 4 <= min(pauses) < 5 < max(pauses) <= 6


def test_three_of_a_hundred_callers_probe() -> None:
    """Half-open, 100 callers at once: 3 pass; all three well: closed, with an empty window."""
    breaker = opened()
    permits = [permit for _ in range(100) if (permit := breaker.enter(107.0)) != REFUSED]
    assert len(permits) == 3 and breaker.refused == 97
    for permit in permits[:2]:
        breaker.succeeded(permit, 107.1)
    assert breaker.enter(107.1) == REFUSED
    breaker.succeeded(permits[2], 107.1)
    assert (breaker.state, breaker.is_closed) == ("closed", True)
    for _ in range(19):
        breaker.failed(breaker.enter(107.2), 107.2)
    assert breaker.is_closed


def test_one_bad_probe_opens_it_again() -> None:
    """For a whole pause more, whatever the other probes bring."""
    breaker, permits = half_open()
    breaker.succeeded(permits[0], 107.5)
    breaker.failed(permits[1], 107.5)
    breaker.succeeded(permits[2], 107.6)
    assert breaker.state == "open" and breaker.opened == 2
    assert breaker.enter(111.4) == REFUSED
    assert breaker.enter(113.6) != REFUSED


def test_slow_probes_do_not_close_it() -> None:
    """What opened it for being slow is not well while its probes are slow; one slow probe among three may be chance."""
    for slow, state in ((3, "open"), (1, "closed")):
        breaker, permits = half_open()
        for number, permit in enumerate(permits):
            breaker.succeeded(permit, 107.5, 2.0 if number < slow else 0.1)
        assert breaker.state == state


def test_thirty_callers_that_leave_count_as_nothing() -> None:
    """Closed stays closed; half-open, the permits go to others."""
    breaker = Breaker("svc")
    for _ in range(30):
        breaker.given_up(breaker.enter(1.0))
    assert breaker.is_closed
    breaker, permits = half_open()
    for permit in permits:
        assert breaker.enter(107.1) == REFUSED
        breaker.given_up(permit)
        assert breaker.enter(107.1) != REFUSED


def test_late_results_change_nothing() -> None:
    """A success from before it opened does not close it, a failure neither prolongs the pause nor counts as a probe's."""
    breaker = Breaker("svc")
    late = [breaker.enter(100.0) for _ in range(5)]
    for _ in range(20):
        breaker.failed(breaker.enter(100.0), 100.0)
    pause = breaker.retry_after_s(100.0)
    breaker.succeeded(late[0], 101.0)
    breaker.failed(late[1], 101.0)
    assert breaker.state == "open" and breaker.retry_after_s(101.0) == pytest.approx(pause - 1)
    probe = breaker.enter(107.0)
    breaker.failed(late[2], 107.0)
    breaker.given_up(late[3])
    assert [breaker.enter(107.0) for _ in range(3)].count(REFUSED) == 1
    breaker.succeeded(late[4], 107.0)
    assert breaker.state == "half-open"
    breaker.failed(probe, 107.0)
    assert breaker.state == "open"


def test_steps_of_the_wall_clock_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour back or forth while it is open: the pause is as long as it was."""
    for step in (-3600.0, 3600.0):
        breaker = opened()
        there = time.time() + step
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda there=there: there)
            assert breaker.enter(103.9) == REFUSED
            assert breaker.enter(106.1) != REFUSED


def test_rules_change_and_the_state_stays() -> None:
    """Other ratios apply to the counts there are; another window begins with none."""
    breaker = Breaker("svc")
    for _ in range(10):
        breaker.failed(breaker.enter(1.0), 1.0)
    breaker.follow(BreakerRules(min_calls=5))
    breaker.failed(breaker.enter(1.0), 1.0)
    assert breaker.state == "open"
    breaker.follow(BreakerRules(window_s=30, permits=1))
    assert breaker.state == "open"
    breaker.succeeded(breaker.enter(8.0), 8.0)
    assert breaker.state == "closed"
    assert breaker.rules.window_s == 30


def test_changes_of_state_are_logged_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """Each once, to pybreaker's listeners too; refused calls are not logged."""

    class Heard(CircuitBreakerListener):
        def __init__(self) -> None:
            self.states: list[str] = []

        def state_change(self, cb: CircuitBreaker, old: CircuitBreakerState | None, new: CircuitBreakerState) -> None:
            self.states.append(new.name)

    heard = Heard()
    breaker = Breaker("order-service", listeners=[heard])
    with caplog.at_level(logging.INFO):
        for _ in range(40):
            breaker.failed(breaker.enter(1.0), 1.0)
        for permit in [breaker.enter(8.0) for _ in range(3)]:
            breaker.succeeded(permit, 8.0)
    assert heard.states == ["open", "half-open", "closed"]
    assert breaker.opened == 1
    assert [record.message for record in caplog.records] == [
        "the breaker of order-service has opened: 20 of 20 calls failed, 0 were slow",
        "the breaker of order-service lets probes through",
        "the breaker of order-service has closed",
    ]
