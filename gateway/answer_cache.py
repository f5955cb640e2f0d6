"""Answers that are kept, and calls for the same answer that wait for one of them to fetch it: in this process and over all.

In a process, calls with the same key share one flight: its first call looks into the store and asks the service, the others wait.
Over processes the first calls meet in the store: one of them is told to ask, the others look again until its answer is there.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

from openplatform.errors import OpenPlatformError, PlatformUnavailable
from openplatform.ports import Clock, ResponseCache
from openplatform.records import CacheFind

HOLD_PAST_DEADLINE_S = 1.0
"""How long others go on waiting for a process that asks, after the API's own deadline: it died, and they ask themselves."""
_PAUSE_S = (0.01, 0.1)
_NOTHING = CacheFind(body=b"", is_fresh=False, is_ours=False)


class Landing(NamedTuple):
    """How a flight ended, for all that waited: with an answer, or with the error that its first call got.

    fallback: what stood in for the service ("" = its own answer); is_kept: the answer came from the store.
    """

    body: bytes = b""
    error: OpenPlatformError | None = None
    fallback: str = ""
    is_kept: bool = False


class Flight:
    """One key on its way.

    body: what the service answered; by: its first call; is_ours: the store told that call to ask the service; stale: an answer
    whose time is over, b"" = none; landed: None = the first call gave up, another should try.
    """

    __slots__ = ("body", "by", "is_ours", "key", "landed", "stale")

    def __init__(self, key: str, by: str) -> None:
        self.body = b""
        self.key = key
        self.by = by
        self.is_ours = False
        self.stale = b""
        self.landed: asyncio.Future[Landing | None] = asyncio.get_running_loop().create_future()


class AnswerCache:
    """stale_s: how long past its time an answer is kept, for when its service fails; max_bytes: of an answer that is kept."""

    def __init__(self, store: ResponseCache, clock: Clock, *, stale_s: int, max_bytes: int) -> None:
        self._store = store
        self._clock = clock
        self._stale_s = stale_s
        self._max_bytes = max_bytes
        self._flights: dict[str, Flight] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self.hits = self.misses = self.joined = self.stale_served = 0

    def flight(self, key: str) -> Flight | None:
        """The one that is under way for this key."""
        return self._flights.get(key)

    def begin(self, key: str, by: str) -> Flight:
        """A new flight; whoever begins it lands it, whatever happens. by: the call's request id."""
        flight = self._flights[key] = Flight(key, by)
        return flight

    async def look(self, flight: Flight, *, timeout_s: float) -> bytes:
        """A fresh answer, or b"" when the service is to be asked: nobody else does, the one who does takes too long, or the
        store is away. timeout_s: the API's deadline."""
        hold_s = timeout_s + HOLD_PAST_DEADLINE_S
        until = self._clock.monotonic() + hold_s
        pause_s, longest_s = _PAUSE_S
        while True:
            try:
                found = await self._store.look(
                    flight.key, by=flight.by, stale_s=self._stale_s, hold_ms=int(hold_s * 1000)
                )
            except PlatformUnavailable:
                found = _NOTHING
            else:
                if not (found.is_fresh or found.is_ours) and self._clock.monotonic() < until:
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, longest_s)
                    continue
            if found.is_fresh:
                self.hits += 1
                return found.body
            self.misses += 1
            flight.is_ours = found.is_ours
            flight.stale = found.body
            return b""

    def land(self, flight: Flight, landing: Landing | None, *, ttl_s: int) -> None:
        """Tells those who wait; an answer of the service is kept. Never waits."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        if not flight.landed.done():
            flight.landed.set_result(landing)
        if landing is not None and landing.is_kept:
            return
        is_good = landing is not None and landing.body and not landing.fallback
        if is_good and landing is not None and len(landing.body) <= self._max_bytes:
            self._later(self._store.keep(flight.key, landing.body, by=flight.by, ttl_s=ttl_s, stale_s=self._stale_s))
        elif flight.is_ours:
            self._later(self._store.leave(flight.key, by=flight.by))

    async def finish(self) -> None:
        """Waits for what is on its way to the store."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(_tried(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


async def _tried(work: Coroutine[Any, Any, None]) -> None:
    with suppress(PlatformUnavailable):  # what is not kept is fetched once more
        await work
