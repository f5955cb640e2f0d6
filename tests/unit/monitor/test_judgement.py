"""Which APIs are over the limit, and what one window opens, keeps, reminds of and closes."""

from collections.abc import Sequence

import pytest

from monitor.repository.events import AlertEvent
from monitor.service.judgement import Finding, Judgement, judge, over_limit
from tests.unit.monitor.samples import NOON, event, rule, stats


def found(api_name: str | None, value: float | None = 2000) -> Finding:
    return Finding(api_name=api_name, value=value)


def judged(findings: Sequence[Finding], events: Sequence[AlertEvent], *, may_close: bool = True) -> Judgement:
    return judge(findings, events, NOON, may_close=may_close, clean_windows=2, reminder_s=1800)


@pytest.mark.parametrize(("mean_ms", "is_over"), [(999.9, False), (1000.0, False), (1000.1, True), (60_000, True)])
def test_only_what_is_over_the_threshold_is_over_it(mean_ms: float, is_over: bool) -> None:
    """A mean of exactly 1,000 ms keeps the promise of 1,000 ms."""
    assert bool(over_limit(rule(), [stats("open.order.get", mean_ms)], ())) is is_over


@pytest.mark.parametrize(("calls", "is_judged"), [(4, False), (5, True)])
def test_an_api_with_too_few_calls_is_not_judged(calls: int, is_judged: bool) -> None:
    """min_calls itself is enough."""
    slow = stats("open.order.get", 5000, calls=calls)
    assert bool(over_limit(rule(min_calls=5), [slow], ())) is is_judged


def test_the_worst_api_comes_first() -> None:
    """The mail's table and its subject begin with it."""
    slow = [stats("a", 1500), stats("c", 3000), stats("b", 3000), stats("d", 10)]
    assert [finding.api_name for finding in over_limit(rule(), slow, ())] == ["b", "c", "a"]


def test_an_api_with_a_rule_of_its_own_is_left_to_it() -> None:
    """Its own rule decides alone, with its own threshold; the rule for all looks away."""
    slow = [stats("own", 1500), stats("other", 1500)]
    assert [each.api_name for each in over_limit(rule(), slow, {"own"})] == ["other"]
    assert over_limit(rule(api_name="own", threshold=2000), slow, {"own"}) == []
    assert [each.api_name for each in over_limit(rule(api_name="own", threshold=1200), slow, {"own"})] == ["own"]


def test_p95_and_error_rate_are_watched_in_their_own_units() -> None:
    """p95 in ms, errors in percent of calls."""
    one = [stats("a", 10, calls=200, errors=11, p95_ms=4000)]
    assert over_limit(rule(metric="p95_ms", threshold=3999), one, ())[0].value == 4000
    assert over_limit(rule(metric="error_rate", threshold=5), one, ())[0].value == 5.5
    assert over_limit(rule(metric="error_rate", threshold=5.5), one, ()) == []


def test_an_api_without_calls_has_no_error_rate() -> None:
    """Nothing is divided by zero, even if a rule asks for no calls at all."""
    assert over_limit(rule(metric="error_rate", min_calls=0), [stats("a", 0, calls=0)], ()) == []


def test_a_first_window_over_the_limit_opens() -> None:
    """No waiting: the window itself is the smoothing."""
    assert judged([found("a")], []) == Judgement(opened=(found("a"),))


def test_an_open_alert_stays_silent_until_its_reminder() -> None:
    """29 minutes after its last mail nothing is said, after 30 it is."""
    for minutes, is_reminded in ((29, False), (30, True), (45, True)):
        old = event("a", minutes_ago=minutes)
        assert judged([found("a")], [old]) == Judgement(lasting=((old, found("a")),), remind=is_reminded)


def test_an_opening_mail_takes_the_place_of_a_reminder() -> None:
    """It lists the lasting ones as well."""
    old = event("a", minutes_ago=30)
    judgement = judged([found("a"), found("b")], [old])
    assert judgement.opened == (found("b"),)
    assert not judgement.remind


def test_two_clean_windows_close() -> None:
    """One is not enough; a window over the limit between them begins anew."""
    assert judged([], [event("a")]).resting == (event("a"),)
    once_clean = event("a", clean_windows=1)
    assert judged([], [once_clean]) == Judgement(closed=(once_clean,))
    assert judged([found("a")], [once_clean]).lasting == ((once_clean, found("a")),)


def test_silence_proves_nothing_while_logs_are_missing() -> None:
    """Nothing closes and no clean window is counted while the monitor is blind; what is seen to be slow still opens."""
    old = event("a", clean_windows=1)
    judgement = judged([found("b")], [old], may_close=False)
    assert judgement.closed == ()
    assert judgement.resting == (old,)
    assert judgement.opened == (found("b"),)


def test_no_reminder_of_what_is_just_recovering() -> None:
    """An alert in its first clean window is not reminded of."""
    assert not judged([], [event("a", minutes_ago=300)]).remind


def test_blindness_is_judged_like_an_api_without_a_name() -> None:
    """It opens, lasts and closes by the same rules."""
    assert judged([found(None, None)], []).opened == (found(None, None),)
    assert judged([], [event(None, clean_windows=1)]).closed == (event(None, clean_windows=1),)
