"""Reservations that no gateway ended: given back when their time is over, booked when their call was answered.

A gateway that is killed between the answer and its charge leaves a settled reservation. It is the charge's second record, and
after a minute in which no charge came for it, it is booked in its place; should the charge come after all, it changes nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from admin_api.billing.repository.charges import accounts_after, book_charges
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.billing.service.booking import by_customer
from admin_api.security.metrics import AdminMetrics
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Balances, Clock
from openplatform.records import Charge
from openplatform.sql import Database

log = logging.getLogger(__name__)

EVERY_S = 5.0
RECOVER_EVERY_S = 60.0
"""Longer than a charge takes through a queue that moves; the second look finds what has not moved since the first."""
_BATCH = 1_000
_CUSTOMERS = 500


class ReservationSweep:
    """Any number of processes may run it: each step may be repeated."""

    def __init__(
        self, database: Database, balances: Balances, in_redis: BalancesInRedis, clock: Clock, metrics: AdminMetrics
    ) -> None:
        self._database = database
        self._balances = balances
        self._in_redis = in_redis
        self._clock = clock
        self._metrics = metrics
        self._complains = True
        self._seen: set[tuple[int, str]] = set()
        self._recover_at = clock.monotonic() + RECOVER_EVERY_S

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.expire()
                if self._clock.monotonic() >= self._recover_at:
                    self._recover_at = self._clock.monotonic() + RECOVER_EVERY_S
                    await self.recover()
                self._complains = True
            except PlatformUnavailable as error:
                if self._complains:
                    log.warning("reservations wait for their end: %s", error.sub_msg)
                self._complains = False
            except Exception:  # the job goes on whatever happened
                log.exception("ending reservations failed")
            await asyncio.sleep(EVERY_S)

    async def expire(self) -> int:
        """Gives back what is over; how many."""
        total = 0
        while gone := await self._balances.expire(_BATCH):
            total += len(gone)
        if total:
            self._metrics.count_reservations("expired", total)
            log.info("%d reservations were given back: their gateways never ended them", total)
        return total

    async def recover(self) -> int:
        """Books what was settled at the last look already and is still there; how many."""
        waiting = await self._settled()
        stuck = [charge for charge in waiting if (charge.customer_id, charge.request_id) in self._seen]
        self._seen = {(charge.customer_id, charge.request_id) for charge in waiting} - {
            (charge.customer_id, charge.request_id) for charge in stuck
        }
        for start in range(0, len(stuck), _BATCH):
            await self._book(stuck[start : start + _BATCH])
        return len(stuck)

    async def _settled(self) -> list[Charge]:
        found: list[Charge] = []
        last, at_ms = 0, int(self._clock.now() * 1000)
        while True:
            async with self._database.read() as connection:
                accounts = await accounts_after(connection, last, _CUSTOMERS)
            if not accounts:
                return found
            last = accounts[-1].customer_id
            for state in await self._balances.states([account.customer_id for account in accounts]):
                if state is not None:
                    found += (
                        Charge(
                            request_id=request_id, customer_id=state.customer_id, price_fen=price_fen,
                            app_key="", api_name="", at_ms=at_ms,
                        )
                        for request_id, price_fen in state.settled
                    )  # fmt: skip

    async def _book(self, charges: Sequence[Charge]) -> None:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        booked = await self._database.run(lambda connection: book_charges(connection, charges, now))
        await self._in_redis.booked(booked.accounts, by_customer(charges))
        self._metrics.count_reservations("recovered", booked.new)
        if booked.new:
            log.warning("%d answered calls were booked from their reservations: their charges never came", booked.new)
