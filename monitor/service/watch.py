"""Whose turn is it? Of many monitors one judges a window; a dead one's windows are judged by the next.

The lock only saves work. Without Redis every monitor tries, and the database lets one through.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Literal

from monitor.repository.rules import seed_rule
from monitor.repository.windows import last_window
from monitor.service.evaluation import Evaluation
from monitor.service.first_rules import first_rules
from monitor.service.metrics import MonitorMetrics
from monitor.settings import MonitorSettings
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Clock, LeaderLock
from openplatform.sql import Database

log = logging.getLogger(__name__)

LOCK = "monitor"
CATCH_UP = 15
"""How many missed ticks are judged late: three times the usual window. What is older is no alarm any more but history."""
RETRIES_PER_LOCK = 6
"""Of the lock's 30 s every 5: a dead leader's window is judged at most 35 s later."""

Result = Literal["evaluated", "blind", "already", "ahead", "failed"]


class Watch:
    """Runs at every tick, once a minute, in every monitor."""

    def __init__(
        self,
        database: Database,
        lock: LeaderLock,
        evaluation: Evaluation,
        clock: Clock,
        metrics: MonitorMetrics,
        settings: MonitorSettings,
        *,
        retry_s: float | None = None,
    ) -> None:
        self._database = database
        self._lock = lock
        self._evaluation = evaluation
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._retry_s = settings.lock_s / RETRIES_PER_LOCK if retry_s is None else retry_s
        self._has_rules = False
        self._judged_last = False
        self._fencing = 0

    async def seed(self) -> None:
        """Makes the first rules, or brings them to the settings of today."""
        for rule in first_rules(self._settings, self._clock.now()):
            await seed_rule(self._database, rule)
        self._has_rules = True

    async def tick(self) -> Result:
        """Sees to it that the window that ended last is judged, by this monitor or another; ends before the next tick comes."""
        every_s = self._settings.every_s
        ended_s = int(self._clock.now() // every_s * every_s)
        try:
            result = await self._see_to(ended_s)
        except PlatformUnavailable as error:
            log.warning("the window to %d is not judged here: %s", ended_s, error.sub_msg)
            result = "failed"
        except Exception:
            log.exception("the window to %d is not judged here, by a fault", ended_s)
            result = "failed"
        self._metrics.runs.labels(result).inc()
        self._judged_last = result in ("evaluated", "blind")
        self._metrics.leader.set(self._judged_last)
        return result

    def leads(self) -> str:
        """`yes` while this monitor judged the latest window, for /readyz."""
        return "yes" if self._judged_last else "no"

    def fencing(self) -> str:
        """The number of the last lease that this monitor had, which grows over all monitors, for /readyz; 0 = none yet."""
        return str(self._fencing)

    async def _see_to(self, ended_s: int) -> Result:
        if not self._has_rules:
            await self.seed()
        while True:
            last = await last_window(self._database)
            if last >= ended_s:
                if last > ended_s + self._settings.every_s:
                    log.error("the window to %d was judged before its time: the clocks of monitors differ", last)
                    return "ahead"
                return "already"
            async with AsyncExitStack() as stack:
                try:
                    lease = await stack.enter_async_context(self._lock.hold(LOCK))
                except PlatformUnavailable as error:
                    log.warning("no lock (%s): judging without it", error.sub_msg)
                    return await self._judge_through(ended_s, last, lambda: True)
                if lease is not None:
                    self._fencing = lease.fencing
                    # While this one waited another may have judged, and be done.
                    last = await last_window(self._database)
                    return await self._judge_through(ended_s, last, lease.is_held)
            if self._clock.now() + self._retry_s >= ended_s + self._settings.every_s:
                return "already"  # its owner is at it still, or the next tick catches up
            await asyncio.sleep(self._retry_s)

    async def _judge_through(self, ended_s: int, last: int, is_held: Callable[[], bool]) -> Result:
        every_s = self._settings.every_s
        # `last` may be off the grid: ticks were of another length then.
        first = max(last // every_s * every_s + every_s, ended_s - CATCH_UP * every_s) if last else ended_s
        result: Result = "already"
        for each in range(first, ended_s + 1, every_s):
            if not is_held():
                log.warning("the lock was lost before the window to %d", each)
                break
            result = await self._evaluation.evaluate(each)
        return result
