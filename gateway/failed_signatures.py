"""Wrong signatures, counted in this process by address and app: whoever sends many is told to wait."""

from collections.abc import Callable

WINDOW_S = 60.0
MAX_CALLERS = 10_000
"""Pairs of address and app that are remembered, about 2 MB; past that all are forgotten."""


class FailedSignatures:
    """How long a caller has to wait after too many failures. per_minute: failures that cost nothing yet; monotonic: seconds.

    It is asked after a signature was found wrong, never before: a right one passes whatever others did, even others behind the same
    address. What it limits is how long a program that is mistaken, or guesses, hears "wrong" without a reason to stop.
    """

    def __init__(self, *, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._failures: dict[tuple[str, str], tuple[float, int]] = {}

    def wait_s(self, address: str, app_key: str) -> int:
        """Counts one more failure: 0 while there are few, otherwise whole seconds, ≥ 1, until the caller begins anew."""
        now, who = self._monotonic(), (address, app_key)
        began, count = self._failures.get(who, (now, 0))
        if now - began >= WINDOW_S:
            began, count = now, 0
        elif count == 0 and len(self._failures) >= MAX_CALLERS:
            self._failures.clear()
        self._failures[who] = began, count + 1
        return max(1, int(began + WINDOW_S - now)) if count >= self._per_minute else 0
