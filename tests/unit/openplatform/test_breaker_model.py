"""The breaker against a plain model of its rules, over any order of calls, results and pauses."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from openplatform import breaker as module
from openplatform.breaker import REFUSED, Breaker
from openplatform.records import BreakerRules

WINDOW_S, BUCKETS, OPEN_S = 10, 10, 5.0


class Model:
    """Keeps every result there was and works everything out of them, slowly."""

    def __init__(self, rules: BreakerRules) -> None:
        self.rules = rules
        self.state = "closed"
        self.results: list[tuple[int, bool, bool]] = []  # second, failed, slow; since it closed last
        self.probes: dict[int, str] = {}
        self.opened_at = 0.0
        self.epoch = 0

    def enter(self, caller: int, now: float) -> bool:
        if self.state == "open" and now >= self.opened_at + OPEN_S:
            self._become("half-open")
        if self.state == "half-open" and len(self.probes) < self.rules.permits:
            self.probes[caller] = "on its way"
            return True
        return self.state == "closed"

    def leave(self, caller: int, epoch: int, how: str, slow: bool, now: float) -> None:
        if epoch != self.epoch:
            return
        if self.state == "closed" and how != "given up":
            self.results.append((int(now), how == "failed", slow))
            seen = [result for result in self.results if result[0] > int(now) - BUCKETS]
            failures, crawls = sum(r[1] for r in seen), sum(r[2] for r in seen)
            if len(seen) >= self.rules.min_calls and (
                failures >= self.rules.failure_ratio * len(seen) or crawls >= self.rules.slow_ratio * len(seen)
            ):
                self._open(now)
        elif self.state == "half-open":
            if how == "given up":
                del self.probes[caller]
            elif how == "failed":
                self._open(now)
            else:
                self.probes[caller] = "slow" if slow else "well"
                back = list(self.probes.values())
                if back.count("slow") >= self.rules.slow_ratio * self.rules.permits:
                    self._open(now)
                elif back.count("slow") + back.count("well") == self.rules.permits:
                    self._become("closed")
                    self.results = []

    def _open(self, now: float) -> None:
        self.opened_at = now
        self._become("open")

    def _become(self, state: str) -> None:
        self.state, self.probes = state, {}
        self.epoch += 1


class BreakerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.callers: list[tuple[int, int, int]] = []  # number, permit, the model's epoch
        self.number = 0

    @initialize(min_calls=st.integers(1, 6), permits=st.integers(1, 3))
    def begin(self, min_calls: int, permits: int) -> None:
        rules = BreakerRules(
            window_s=WINDOW_S, min_calls=min_calls, permits=permits, open_s=OPEN_S, slow_ms=500, slow_ratio=0.8
        )
        self.breaker, self.model = Breaker("svc", rules), Model(rules)

    @rule(callers=st.integers(1, 5))
    def calls_begin(self, callers: int) -> None:
        for _ in range(callers):
            self.number += 1
            permit, expected = self.breaker.enter(self.now), self.model.enter(self.number, self.now)
            assert (permit != REFUSED) is expected
            if expected:
                self.callers.append((self.number, permit, self.model.epoch))

    @rule(
        which=st.integers(0, 1000),
        how=st.sampled_from(["succeeded", "failed", "failed", "given up"]),
        slow=st.booleans(),
    )
    def call_ends(self, which: int, how: str, slow: bool) -> None:
        if not self.callers:
            return
        number, permit, epoch = self.callers.pop(which % len(self.callers))
        took_s = 0.6 if slow else 0.5
        if how == "given up":
            self.breaker.given_up(permit)
        else:
            (self.breaker.failed if how == "failed" else self.breaker.succeeded)(permit, self.now, took_s)
        self.model.leave(number, epoch, how, slow, self.now)

    @rule(ms=st.sampled_from([1, 250, 999, 1000, 4999, 5000, 9999, 10_000, 60_000]))
    def time_passes(self, ms: int) -> None:
        self.now = round(self.now + ms / 1000, 3)

    @invariant()
    def both_say_the_same(self) -> None:
        assert self.breaker.state == self.model.state
        assert self.breaker.is_closed is (self.model.state == "closed")


def test_the_breaker_does_what_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any history of calls, with the pause's jitter taken out."""
    monkeypatch.setattr(module, "JITTER", 0.0)
    case = BreakerMachine.TestCase
    case.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
    case().runTest()
