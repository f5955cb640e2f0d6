"""How far this process's clock is from Redis' own: limits count by Redis' clock, but a timestamp of a caller is judged by ours."""

import asyncio
import logging

from openplatform.errors import PlatformUnavailable
from openplatform.ports import Clock, StoreTime

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""Clocks drift by seconds a day, and are set by hand: both are seen soon enough."""
TOLERATED_S = 30.0
"""A twentieth of the window of timestamps: callers whose clocks are right are not refused yet."""


class ClockSkew:
    """seconds: our clock minus Redis', as last seen; positive = ours is ahead."""

    def __init__(self, store_time: StoreTime, clock: Clock) -> None:
        self._store_time = store_time
        self._clock = clock
        self.seconds = 0.0

    @property
    def is_tolerable(self) -> bool:
        """False past 30 s in either direction: this process would refuse good callers."""
        return abs(self.seconds) <= TOLERATED_S

    async def look(self) -> None:
        """Compares once; keeps what was seen last while Redis cannot be asked."""
        asked = self._clock.monotonic()
        try:
            theirs = await self._store_time.now()
        except PlatformUnavailable as error:
            log.debug("the clock cannot be compared: %s", error.sub_msg)
            return
        was_tolerable = self.is_tolerable
        self.seconds = self._clock.now() - theirs - (self._clock.monotonic() - asked) / 2
        if was_tolerable and not self.is_tolerable:
            log.error("this machine's clock is %.0f s away from Redis': not ready until that is mended", self.seconds)
        elif self.is_tolerable and not was_tolerable:
            log.warning("this machine's clock agrees with Redis' again")

    async def follow(self) -> None:
        """Looks every few seconds until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()
