"""One timer per connection, for whatever is due next: the end of a head, of a body, of an idle time."""

import asyncio
from collections.abc import Callable
from math import inf


class Deadline:
    """Calls `expired` once the time set last has come.

    Setting a later time than the running timer's touches no timer: it looks again when it fires. Requests that arrive whole,
    nearly all of them, therefore cost no timer at all.
    """

    __slots__ = ("_at", "_expired", "_loop", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._at = inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def set(self, at: float) -> None:
        """at: loop time; inf: nothing is due."""
        self._at = at
        if at < self._timer_at:
            self._start(at)

    def cancel(self) -> None:
        """For good."""
        self._at = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        self._timer_at = inf
        if self._at == inf:
            return
        if self._at - self._loop.time() > 0.0015:  # uvloop's clock counts whole milliseconds
            self._start(self._at)
        else:
            self._at = inf
            self._expired()
