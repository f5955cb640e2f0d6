"""The one breaker: stops calls to something that fails or crawls, and lets a few try whether it is well again.

States and listeners are pybreaker's. What is counted, who may pass while it is half-open, and which results still matter are
our own: pybreaker counts failures in a row (80 % errors never open it), takes a caller that leaves for a failure, lets every
caller through while half-open, believes results of calls from before it opened, and goes by the wall clock.
"""

import logging
import random
from collections.abc import Callable, Sequence
from typing import Literal

from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker, CircuitBreakerListener, CircuitBreakerState

from openplatform.records import BreakerReason, BreakerRules
from openplatform.rolling import RollingCounts

log = logging.getLogger(__name__)

JITTER = 0.2
"""Share of the pause by which it varies: processes that opened together shall not probe together."""
REFUSED = 0
_CALLS, _FAILURES, _SLOW = 0, 1, 2


class Breaker:
    """Guards one thing that is called; for one thread. Every `now` is monotonic seconds, so no step of the wall clock matters.

    A caller asks `enter` for a permit, and hands it to exactly one of `succeeded`, `failed` and `given_up` when it knows how the
    call ended. A permit is the generation in which it was given; each change of state begins a new one, and a result of an older
    generation changes nothing. name: for people; listeners: pybreaker's, told of each change of state.
    """

    __slots__ = (
        "_counts", "_good", "_machine", "_open_until", "_probing", "_reason", "_rules", "_slow", "_slow_s", "generation",
        "is_closed", "opened", "refused",
    )  # fmt: skip

    def __init__(
        self, name: str, rules: BreakerRules | None = None, *, listeners: Sequence[CircuitBreakerListener] = ()
    ) -> None:
        self.is_closed = True
        """Read by callers that save themselves the way through `enter`: closed, a permit is `generation`."""
        self.generation = 1
        self.opened = 0
        """How often it has opened."""
        self.refused = 0
        """How many calls it has refused."""
        self._rules = rules or BreakerRules()
        self._slow_s = _slow_s(self._rules)
        self._counts = RollingCounts(3, self._rules.window_s)
        self._open_until = 0.0
        self._probing = self._good = self._slow = 0  # while half-open: on their way, come back well, come back slow
        self._reason = BreakerReason()
        self._machine = CircuitBreaker(name=name, listeners=[_Journal(self), *listeners])

    @property
    def name(self) -> str:
        return self._machine.name or ""

    @property
    def state(self) -> Literal["closed", "half-open", "open"]:
        """An open breaker whose pause is over stays open until somebody calls."""
        return self._machine.current_state  # type: ignore[return-value]

    @property
    def reason(self) -> BreakerReason:
        """Why it opened last."""
        return self._reason

    @property
    def rules(self) -> BreakerRules:
        return self._rules

    def follow(self, rules: BreakerRules) -> None:
        """Takes over other rules. The state stays; the counts too, unless the window changes."""
        if rules.window_s != self._rules.window_s:
            self._counts = RollingCounts(3, rules.window_s)
        self._rules = rules
        self._slow_s = _slow_s(rules)

    def forget(self) -> None:
        """Empties the window, as if nothing had been called."""
        self._counts.clear()

    def retry_after_s(self, now: float) -> float:
        """How long until it may be worth calling again; 0.0 while it is not open."""
        return max(0.0, self._open_until - now) if self.state == STATE_OPEN else 0.0

    def enter(self, now: float) -> int:
        """A permit for one call, or REFUSED."""
        if self.is_closed:
            return self.generation
        if self.state == STATE_OPEN and now >= self._open_until:
            self._change(self._machine.half_open)
        if self.state == STATE_OPEN or self._probing + self._good >= max(1, self._rules.permits):
            self.refused += 1
            return REFUSED
        self._probing += 1
        return self.generation

    def succeeded(self, permit: int, now: float, took_s: float = 0.0) -> None:
        """The call was answered, be it with a refusal for a business reason."""
        if permit != self.generation:
            return
        if not self.is_closed:
            self._probe_came_back(now, took_s)
            return
        counts = self._counts
        if now >= counts.turns_at:
            counts.turn(now)
        sums, newest = counts.sums, counts.newest
        sums[_CALLS] += 1
        newest[_CALLS] += 1
        if took_s > self._slow_s:
            sums[_SLOW] += 1
            newest[_SLOW] += 1
        if sums[_FAILURES] or sums[_SLOW]:
            self._judge(now)

    def failed(self, permit: int, now: float, took_s: float = 0.0) -> None:
        """No answer, an unreadable one, or one that says that the service is out of order."""
        if permit != self.generation:
            return
        if not self.is_closed:
            self._open(now, BreakerReason(cause="probe-failed"))
            return
        counts = self._counts
        if now >= counts.turns_at:
            counts.turn(now)
        for column in (_CALLS, _FAILURES, _SLOW) if took_s > self._slow_s else (_CALLS, _FAILURES):
            counts.sums[column] += 1
            counts.newest[column] += 1
        self._judge(now)

    def given_up(self, permit: int) -> None:
        """The caller left before it knew: that says nothing, and somebody else may have the permit."""
        if permit == self.generation and not self.is_closed:
            self._probing -= 1

    def _judge(self, now: float) -> None:
        rules = self._rules
        calls, failures, slow = self._counts.sums
        if calls < rules.min_calls:
            return
        if (failures and failures >= rules.failure_ratio * calls) or (slow and slow >= rules.slow_ratio * calls):
            self._open(now, BreakerReason(cause="calls", calls=calls, failed=failures, slow=slow))

    def _probe_came_back(self, now: float, took_s: float) -> None:
        permits = max(1, self._rules.permits)
        self._probing -= 1
        self._good += 1
        self._slow += took_s > self._slow_s
        if self._slow and self._slow >= self._rules.slow_ratio * permits:
            self._open(now, BreakerReason(cause="probes-slow", calls=permits, slow=self._slow))
        elif self._good >= permits:
            self._change(self._machine.close)
            self._counts.clear()
            self.is_closed = True

    def _open(self, now: float, reason: BreakerReason) -> None:
        self.is_closed = False
        self._reason = reason
        pause_s = self._rules.open_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # spreads probes, guards nothing
        self._open_until = now + pause_s
        self._change(self._machine.open)

    def _change(self, how: Callable[[], object]) -> None:
        self.generation += 1
        self._probing = self._good = self._slow = 0
        how()


class _Journal(CircuitBreakerListener):
    """Writes changes of state to the process log, and counts them."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        if new_state.name == STATE_OPEN:
            self._breaker.opened += 1
            log.warning("the breaker of %s has opened: %s", cb.name, self._breaker.reason)
        elif new_state.name == STATE_CLOSED:
            log.warning("the breaker of %s has closed", cb.name)
        else:
            log.info("the breaker of %s lets probes through", cb.name)


def _slow_s(rules: BreakerRules) -> float:
    return float("inf") if rules.slow_ms is None else rules.slow_ms / 1000
