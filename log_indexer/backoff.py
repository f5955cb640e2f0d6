"""How long to wait before the store is asked again."""

import random
from collections.abc import Callable

LOW_S = 0.2
HIGH_S = 30.0
"""A store that is down is asked twice a minute at most, and found again within that."""


class Backoff:
    """Doubles from low_s to high_s; each wait is drawn from its upper half, so that many indexers do not knock together."""

    def __init__(
        self, *, low_s: float = LOW_S, high_s: float = HIGH_S, draw: Callable[[], float] = random.random
    ) -> None:
        self._low_s = low_s
        self._high_s = high_s
        self._draw = draw
        self._next_s = low_s

    def next_s(self) -> float:
        """Seconds to wait now; the next wait will be longer."""
        full_s, self._next_s = self._next_s, min(self._next_s * 2, self._high_s)
        return full_s * (0.5 + self._draw() / 2)

    def reset(self) -> None:
        """It worked: the next wait is short again."""
        self._next_s = self._low_s
