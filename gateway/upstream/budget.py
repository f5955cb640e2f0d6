"""How often calls of one service may be sent a second time: a service that is down is not to be asked twice as much."""

from openplatform.rolling import RollingCounts

WINDOW_S = 10.0
SHARE = 0.1
"""Of the window's calls. Finagle's default is a fifth; a tenth keeps a full outage at 1.1 times the calls."""
LEAST = 3
"""Retries that a service with few calls has all the same."""
_CALLS, _RETRIES = 0, 1


class RetryBudget:
    """Of one service, in one process. `now` is loop time; what was spent counts for ten seconds."""

    __slots__ = ("_counts", "refused", "retries")

    def __init__(self) -> None:
        self._counts = RollingCounts(2, WINDOW_S)
        self.retries = 0
        """How many calls were sent a second time, ever."""
        self.refused = 0
        """How many were not, for want of budget."""

    def call_begins(self, now: float) -> None:
        """A new call, however often it will be sent."""
        counts = self._counts
        if now >= counts.turns_at:
            counts.turn(now)
        counts.sums[_CALLS] += 1
        counts.newest[_CALLS] += 1

    def take(self, now: float, *, even_so: bool = False) -> bool:
        """Whether a call may be sent a second time; then it is counted as sent. even_so: it will be, budget or not."""
        counts = self._counts
        if now >= counts.turns_at:
            counts.turn(now)
        if counts.sums[_RETRIES] >= max(LEAST, SHARE * counts.sums[_CALLS]) and not even_so:
            self.refused += 1
            return False
        counts.sums[_RETRIES] += 1
        counts.newest[_RETRIES] += 1
        self.retries += 1
        return True

    def give_back(self) -> None:
        """What was taken last was not sent: no connection could be made."""
        counts = self._counts
        self.retries -= 1
        if counts.newest[_RETRIES]:
            counts.sums[_RETRIES] -= 1
            counts.newest[_RETRIES] -= 1
