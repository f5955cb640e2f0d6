"""Everything that keeps the customers' money right by itself, started and stopped together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from admin_api.billing.jobs.booking import ChargeBooking, booking
from admin_api.billing.jobs.reservations import ReservationSweep
from admin_api.billing.jobs.upkeep import BalanceUpkeep
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.security.metrics import AdminMetrics
from openplatform.lifetime import running
from openplatform.ports import Balances, ChargeConsumer, ChargePublisher, Clock
from openplatform.sql import Database

FIRST_BALANCES_S = 10.0
"""How long the all-in-one's start waits for the balances; without them calls with a fee get error 10."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """charges, marks: the two ends of the queue of charges; balances: what Redis holds; in_redis: what tells it."""

    database: Database
    charges: ChargeConsumer
    marks: ChargePublisher
    balances: Balances
    in_redis: BalancesInRedis
    clock: Clock
    metrics: AdminMetrics


@asynccontextmanager
async def keeping(accounts: Accounts, *, node: str, is_all_in_one: bool = False) -> AsyncIterator[None]:
    """Books charges and keeps the balances in Redis true while inside.

    node: names this process in the queue; is_all_in_one: the queue ends with this process, so what waits is booked before the
    end, and whoever tries it calls at once, so balances are known at the beginning.
    """
    a = accounts
    work = ChargeBooking(a.charges, a.database, a.in_redis, a.clock, a.metrics, drains=is_all_in_one)
    upkeep = BalanceUpkeep(a.database, a.in_redis, a.marks, a.clock, node=node)
    sweep = ReservationSweep(a.database, a.balances, a.in_redis, a.clock, a.metrics)
    async with (
        booking(work),
        running(upkeep.run(), name="balances in Redis"),
        running(sweep.run(), name="end of reservations"),
    ):
        if is_all_in_one:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_BALANCES_S):
                    await upkeep.complete.wait()
        yield
