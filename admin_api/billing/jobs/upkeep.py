"""Balances in Redis are kept true: moves that a crash kept from getting there, new customers, and a Redis that lost its data.

A balance that Redis does not know is made known only when every charge sent before has been booked: otherwise what those calls
cost could be spent again. An empty batch is sent through the queue of charges for that; whoever consumes it makes them known.
"""

import asyncio
import logging
from collections import deque

from admin_api.billing.repository.charges import customers_moved_since, newest_customers, newest_ledger_id
from admin_api.billing.service.balances import BalancesInRedis
from openplatform.errors import PlatformUnavailable
from openplatform.ports import ChargePublisher, Clock
from openplatform.sql import Database

log = logging.getLogger(__name__)

EVERY_S = 1.0
FIRST_EVERY_S = 0.25
_OVERLAP = 15
"""Passes: ids of the ledger are not in the order of commits, and a transaction takes less than these seconds."""
_PROBED = 20
"""The newest customers, and any lost data at all, show at once; single missing ones in the next full pass."""
_ALL_EVERY_S = 300.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 60.0


class BalanceUpkeep:
    """Any number of processes may run it. node: names this process in the queue; complete: Redis has been seen to know every
    balance."""

    def __init__(
        self, database: Database, balances: BalancesInRedis, marks: ChargePublisher, clock: Clock, *, node: str
    ) -> None:
        self._database = database
        self._balances = balances
        self._marks = marks
        self._clock = clock
        self._node = node
        self._newest: deque[int] = deque(maxlen=_OVERLAP)
        self._all_at = 0.0
        self._was_lacking = True  # at the start nothing is worth waiting for
        self._mark_at = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._complains = True
        self.complete = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.pass_once()
                self._complains = True
            except PlatformUnavailable as error:
                self._all_at = 0.0  # a Redis that was away may come back with older data
                if self._complains:
                    log.warning("balances wait for their way to Redis: %s", error.sub_msg)
                self._complains = False
            except Exception:  # the job goes on whatever happened
                log.exception("keeping the balances in Redis failed")
            await asyncio.sleep(EVERY_S if self.complete.is_set() else FIRST_EVERY_S)

    async def pass_once(self) -> None:
        """Tells Redis of moves, and asks for a mark when it lacks a balance in two passes in a row."""
        now = self._clock.monotonic()
        async with self._database.read() as connection:
            newest = await newest_ledger_id(connection)
            moved = await customers_moved_since(connection, self._newest[0]) if self._newest else []
            probed = await newest_customers(connection, _PROBED)
        if now >= self._all_at:
            lacks = await self._balances.tell_all()
            self._all_at = now + _ALL_EVERY_S
        else:
            await self._balances.moved(moved)
            lacks = await self._balances.lacks(probed)
        self._newest.append(newest)
        await self._note(lacks, now)

    async def _note(self, lacks: bool, now: float) -> None:
        if not lacks:
            self.complete.set()
            self._was_lacking, self._pause_s, self._mark_at = False, _FIRST_PAUSE_S, 0.0
            return
        # Not at once: what gateways answered before Redis lost its data reaches the queue within a moment.
        if self._was_lacking and now >= self._mark_at:
            self._mark_at = now + _FIRST_PAUSE_S
            await self._marks.publish(b"", node=self._node)
            self._mark_at = now + self._pause_s  # it may wait long behind charges: no second one for each look
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        self._was_lacking = True
