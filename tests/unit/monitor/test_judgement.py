"""Which APIs are over the limit, and what one window opens, keeps, reminds of and closes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from monitor.repository.events import AlertEvent
from monitor.service.judgement import Finding, Judgement, Patience, Seen, after, judge, over_limit, too_few_calls
from tests.unit.monitor.samples import NOON, event, rule, stats


def found(api_name: str | None, value: float | None = 2000) -> Finding:
    return Finding(api_name=api_name, value=value)


def judged(
    findings: Sequence[Finding], events: Sequence[AlertEvent], *, may_close: bool = True, **options: Any
) -> Judgement:
    patience = Patience(clean_windows=2, reminder_s=1800)
    return judge(findings, events, NOON, may_close=may_close, patience=patience, **options)


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
    new = (Seen(None, found("a")),)
    assert judged([found("a")], []) == Judgement(opened=new, news=new)


def test_an_open_alert_stays_silent_until_its_reminder() -> None:
    """29 minutes after its last mail nothing is said, after 30 it is."""
    for minutes, is_reminded in ((29, False), (30, True), (45, True)):
        old = (Seen(event("a", minutes_ago=minutes), found("a")),)
        assert judged([found("a")], [old[0].event]) == Judgement(lasting=old, lasting_told=old, remind=is_reminded)


def test_an_opening_mail_takes_the_place_of_a_reminder() -> None:
    """It lists the lasting ones as well."""
    old = event("a", minutes_ago=30)
    judgement = judged([found("a"), found("b")], [old])
    assert judgement.news == (Seen(None, found("b")),)
    assert judgement.lasting_told == (Seen(old, found("a")),)
    assert not judgement.remind


def test_two_clean_windows_close() -> None:
    """One is not enough; a window over the limit between them begins anew."""
    assert judged([], [event("a")]).resting == (event("a"),)
    once_clean = event("a", clean_windows=1)
    assert judged([], [once_clean]) == Judgement(closed=(once_clean,), closed_told=(once_clean,))
    assert judged([found("a")], [once_clean]).lasting == (Seen(once_clean, found("a")),)


def test_silence_proves_nothing_while_logs_are_missing() -> None:
    """Nothing closes and no clean window is counted while the monitor is blind; what is seen to be slow still opens."""
    old = event("a", clean_windows=1)
    waiting = event("c", is_pending=True)
    judgement = judged([found("b")], [old, waiting], may_close=False)
    assert (judgement.closed, judgement.dropped) == ((), ())
    assert judgement.resting == (old, waiting)
    assert judgement.opened == (Seen(None, found("b")),)


def test_no_reminder_of_what_is_just_recovering() -> None:
    """An alert in its first clean window is not reminded of."""
    assert not judged([], [event("a", minutes_ago=300)]).remind


def test_blindness_is_judged_like_an_api_without_a_name() -> None:
    """It opens, lasts and closes by the same rules."""
    assert judged([found(None, None)], []).opened == (Seen(None, found(None, None)),)
    assert judged([], [event(None, clean_windows=1)]).closed == (event(None, clean_windows=1),)


def test_a_rule_may_wait_before_it_alarms() -> None:
    """pending_windows = 2: two windows over the limit wait, the third is an alert; a clean one between them forgets it all."""
    events: list[AlertEvent] = []
    for expected in ("waiting", "waiting", "opened"):
        judgement = judged([found("a")], events, pending_windows=2)
        assert len(getattr(judgement, expected)) == 1
        assert bool(judgement.news) is (expected == "opened")
        events = after(rule(), judgement, NOON, thread_id="t@x", group="all", may_close=True)
        events = [replace(each, id=7) for each in events]
        assert [each.is_pending for each in events] == [expected == "waiting"]
    pending = event("a", is_pending=True)
    assert judged([], [pending], pending_windows=2) == Judgement(dropped=(pending,))


def test_a_silenced_alert_opens_and_closes_unheard_and_is_told_when_the_silence_ends() -> None:
    """Nobody hears of it; still there when the silence is over it is news; ended meanwhile it leaves no recovery without an alert."""
    unheard = judged([found("a")], [], is_silenced=lambda api: api == "a")
    assert unheard.opened
    assert unheard.news == ()
    [opened] = after(rule(), unheard, NOON, thread_id="t@x", group="all", may_close=True)
    assert opened.notified_at is None
    assert judged([found("a")], [opened]).news == (Seen(opened, found("a")),)
    assert judged([found("a")], [opened], is_silenced=lambda _: True).news == ()
    assert judged([], [replace(opened, clean_windows=1)]).closed_told == ()
    heard = event("a", clean_windows=1)
    assert judged([], [heard], is_silenced=lambda _: True).closed_told == ()


def test_an_acknowledged_alert_is_not_reminded_of_and_its_end_is_told() -> None:
    """Somebody looks after it. One that nobody has seen to is still reminded of, and then both are listed."""
    seen_to = event("a", minutes_ago=60, acked_at=NOON, acked_by="ops@pailou.example")
    assert not judged([found("a")], [seen_to]).remind
    both = judged([found("a"), found("b")], [seen_to, event("b", minutes_ago=60)])
    assert both.remind
    assert len(both.lasting_told) == 2
    assert judged([], [replace(seen_to, clean_windows=1)]).closed_told


def test_too_few_calls_are_a_finding() -> None:
    """Fewer than the threshold: of the rule's API, or of all together; as many as the threshold are enough."""
    some = [stats("a", 1, calls=4), stats("b", 1, calls=6)]
    assert too_few_calls(rule(metric="no_data", threshold=10), some) == []
    assert too_few_calls(rule(metric="no_data", threshold=11), some)[0].value == 10
    assert too_few_calls(rule(metric="no_data", api_name="a", threshold=5), some)[0].value == 4
    assert too_few_calls(rule(metric="no_data", api_name="c", threshold=1), some)[0].value == 0
    assert too_few_calls(rule(metric="no_data", api_name="a", threshold=4), some) == []
