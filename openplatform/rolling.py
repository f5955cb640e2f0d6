"""Counts over the last seconds, in buckets: what breakers and retry budgets judge by. Knows no clock; its users hand in the time."""

from collections import deque

BUCKETS = 10


class RollingCounts:
    """Several columns of counts over a window that slides by a tenth of itself.

    To count one, on the hot path without a call: `if now >= counts.turns_at: counts.turn(now)`, then add 1 to the column in both
    `sums` (the whole window) and `newest` (its newest bucket). now: seconds of a clock that never steps back, the monotonic one.
    """

    __slots__ = ("_buckets", "_columns", "_number", "_width_s", "newest", "sums", "turns_at")

    def __init__(self, columns: int, window_s: float) -> None:
        self._columns = columns
        self._width_s = max(window_s, 0.01) / BUCKETS
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._buckets = deque([0] * self._columns for _ in range(BUCKETS))
        self._number = -BUCKETS
        self.sums = [0] * self._columns
        self.newest = self._buckets[-1]
        self.turns_at = 0.0
        """From when on `turn` is due."""

    def turn(self, now: float) -> None:
        """Begins the bucket of now, and drops those that have left the window."""
        number = int(now / self._width_s)
        for _ in range(min(number - self._number, BUCKETS)):
            for column, count in enumerate(self._buckets.popleft()):
                self.sums[column] -= count
            self._buckets.append([0] * self._columns)
        self.newest = self._buckets[-1]
        self._number = max(number, self._number)
        self.turns_at = (self._number + 1) * self._width_s
