"""Whose turn is it? Of many monitors one judges a minute; a dead one's minutes are judged by the next.

The lock only saves work. Without Redis every monitor tries, and the database lets one through.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Literal

from monitor.repository.minutes import last_minute
from monitor.repository.rules import seed_rule
from monitor.service.evaluation import Evaluation
from monitor.service.first_rules import first_rules
from monitor.service.metrics import MonitorMetrics
from monitor.settings import MonitorSettings
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Clock, LeaderLock
from openplatform.sql import Database

log = logging.getLogger(__name__)

LOCK = "monitor"
CATCH_UP_MINUTES = 15
"""How many missed minutes are judged late: three times the usual window. What is older is no alarm any more but history."""
RETRY_S = 5.0
"""With the lock's 30 s, a dead leader's minute is judged at most 35 s later."""

Result = Literal["evaluated", "blind", "already", "ahead", "failed"]


class Watch:
    """Runs once a minute in every monitor."""

    def __init__(
        self,
        database: Database,
        lock: LeaderLock,
        evaluation: Evaluation,
        clock: Clock,
        metrics: MonitorMetrics,
        settings: MonitorSettings,
        *,
        retry_s: float = RETRY_S,
    ) -> None:
        self._database = database
        self._lock = lock
        self._evaluation = evaluation
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._retry_s = retry_s
        self._has_rules = False

    async def seed(self) -> None:
        """Makes the first rules, or brings them to the settings of today."""
        for rule in first_rules(self._settings, self._clock.now()):
            await seed_rule(self._database, rule)
        self._has_rules = True

    async def tick(self) -> Result:
        """Sees to it that the current minute is judged, by this monitor or another; ends before the next minute does."""
        minute = int(self._clock.now() // 60)
        try:
            result = await self._see_to(minute)
        except PlatformUnavailable as error:
            log.warning("minute %d is not judged here: %s", minute, error.sub_msg)
            result = "failed"
        except Exception:
            log.exception("minute %d is not judged here, by a fault", minute)
            result = "failed"
        self._metrics.runs.labels(result).inc()
        self._metrics.leader.set(result in ("evaluated", "blind"))
        return result

    async def _see_to(self, minute: int) -> Result:
        if not self._has_rules:
            await self.seed()
        while True:
            last = await last_minute(self._database)
            if last >= minute:
                if last > minute + 1:
                    log.error("minute %d was judged before its time: the clocks of monitors differ", last)
                    return "ahead"
                return "already"
            async with AsyncExitStack() as stack:
                try:
                    lease = await stack.enter_async_context(self._lock.hold(LOCK))
                except PlatformUnavailable as error:
                    log.warning("no lock (%s): judging without it", error.sub_msg)
                    return await self._judge_through(minute, last, lambda: True)
                if lease is not None:
                    return await self._judge_through(minute, last, lease.is_held)
            if self._clock.now() + self._retry_s >= (minute + 1) * 60:
                return "already"  # its owner is at it still, or the next tick catches up
            await asyncio.sleep(self._retry_s)

    async def _judge_through(self, minute: int, last: int, is_held: Callable[[], bool]) -> Result:
        first = max(last + 1, minute - CATCH_UP_MINUTES) if last else minute
        result: Result = "already"
        for each in range(first, minute + 1):
            if not is_held():
                log.warning("the lock was lost before minute %d", each)
                break
            result = await self._evaluation.evaluate(each)
        return result
