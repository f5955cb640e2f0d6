"""Charges from the queue into the ledger: takes batches, books several in one transaction, tells Redis, and only then acknowledges.

Nothing is acknowledged before it is in the ledger and out of the reservations, so an admin_api may die at any time: what it held
comes again, and what is booked already changes nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime

from admin_api.billing.repository.charges import Booked, book_charges
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.billing.service.booking import ChargeBatch, by_customer, line_of, read_batch
from admin_api.security.metrics import AdminMetrics
from openplatform.errors import PlatformUnavailable
from openplatform.lifetime import running
from openplatform.ports import BatchDelivery, ChargeConsumer, Clock
from openplatform.records import Charge
from openplatform.sql import Database

log = logging.getLogger(__name__)

MAX_BATCHES = 4
"""Half of the prefetch: ≤ 2,000 charges in a transaction, while the next ones are on their way."""
LINGER_S = 0.1
"""How long a transaction waits for more: one commit for many calls, and a balance that is a moment late."""
HOLD_S = 600.0
"""What cannot be booked for so long is given back: RabbitMQ closes the channel of a consumer after 30 minutes."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_DRAIN_S = 10.0


class ChargeBooking:
    """The consumer's work; `run` until `stop`.

    drains: book all that waits before stopping, since the queue does not outlive this process.
    """

    def __init__(
        self,
        queue: ChargeConsumer,
        database: Database,
        balances: BalancesInRedis,
        clock: Clock,
        metrics: AdminMetrics,
        *,
        drains: bool = False,
    ) -> None:
        self._queue = queue
        self._database = database
        self._balances = balances
        self._clock = clock
        self._metrics = metrics
        self._drains = drains
        self._taken: asyncio.Queue[BatchDelivery | None] = asyncio.Queue()
        self._in_hand = 0
        self._complains = True
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Books until `stop` was called. Cancelled, it gives back what is not booked."""
        try:
            async with running(self._take(), name="take charges from the queue"):
                while deliveries := await self._next():
                    try:
                        await self._handle(deliveries)
                    except Exception:  # a fault of ours: a pause, and the queue gives everything again
                        log.exception("booking %d batches of charges failed", len(deliveries))
                        await self._pause(_LONGEST_PAUSE_S)
                        await _give_back(deliveries)
                    self._in_hand -= len(deliveries)
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Returns when what is under way is booked, at most 10 s later; what else was taken goes back to the queue."""
        if self._drains:
            await self._drain()
        self._stopping.set()
        self._taken.put_nowait(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self._stopped.wait()

    async def _drain(self) -> None:
        ends = self._clock.monotonic() + _DRAIN_S
        with suppress(PlatformUnavailable):
            while self._clock.monotonic() < ends:
                if not self._in_hand and not await self._queue.depth():
                    return
                await asyncio.sleep(0.02)

    async def _take(self) -> None:
        while True:
            try:
                async with aclosing(self._queue.deliveries()) as deliveries:
                    async for delivery in deliveries:
                        self._in_hand += 1
                        self._taken.put_nowait(delivery)
            except Exception:  # a fault of ours must not end booking; the queue gives everything again
                log.exception("taking charges from the queue failed")
                await self._pause(_LONGEST_PAUSE_S)

    async def _next(self) -> list[BatchDelivery]:
        """Deliveries for one transaction, at least one; none after a mark; [] when stopping."""
        deliveries: list[BatchDelivery] = []
        with suppress(TimeoutError):
            while len(deliveries) < MAX_BATCHES and not (deliveries and _is_mark(deliveries[-1])):
                async with asyncio.timeout(LINGER_S if deliveries else None):
                    delivery = await self._taken.get()
                if delivery is None or self._stopping.is_set():
                    await _give_back(deliveries if delivery is None else [*deliveries, delivery])
                    return []
                deliveries.append(delivery)
        return deliveries

    async def _handle(self, deliveries: Sequence[BatchDelivery]) -> None:
        batches = [read_batch(delivery.body) for delivery in deliveries]
        charges = [charge for batch in batches for charge in batch.charges]
        give_up_at, pause_s = self._clock.monotonic() + HOLD_S, _FIRST_PAUSE_S
        booked: Booked | None = None
        while True:
            try:
                booked = booked or await self._book(charges)
                await self._balances.booked(booked.accounts, by_customer(charges))
                if _is_mark(deliveries[-1]):
                    await self._balances.make_known()
                break
            except PlatformUnavailable as error:
                self._complain(error)
                if self._stopping.is_set() or self._clock.monotonic() > give_up_at:
                    await _give_back(deliveries)
                    return
                await self._pause(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        self._complains = True
        self._note(booked, charges)
        customers = {account.customer_id for account in booked.accounts}
        for delivery, batch in zip(deliveries, batches, strict=True):
            await self._settle(delivery, batch, customers)

    async def _book(self, charges: Sequence[Charge]) -> Booked:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        if not charges:
            return Booked((), 0, ())
        return await self._database.run(lambda connection: book_charges(connection, charges, now))

    async def _settle(self, delivery: BatchDelivery, batch: ChargeBatch, customers: set[int]) -> None:
        """Dead letters first, confirmed, then the ack."""
        dead = list(batch.dead)
        for charge in batch.charges:
            if charge.customer_id not in customers:
                dead.append((line_of(charge), f"there is no customer {charge.customer_id}"))
        try:
            for line, reason in dead:
                log.error("a charge goes to the dead letters: %s", reason)
                await delivery.dead_letter(line, reason)
                self._metrics.count_charges("dead")
            await delivery.ack()
        except PlatformUnavailable as error:
            log.info("a booked batch of charges was not acknowledged and comes again: %s", error.sub_msg)

    def _note(self, booked: Booked, charges: Sequence[Charge]) -> None:
        self._metrics.count_charges("booked", booked.new)
        self._metrics.count_charges("duplicate", len(charges) - booked.new)
        for account in booked.overdrawn:
            # Reservations keep this from happening; a Redis that lost them, or a clock far off, lets it through.
            self._metrics.count_overdrawn()
            log.error("customer %d is overdrawn: %d fen", account.customer_id, account.money_fen)

    def _complain(self, error: PlatformUnavailable) -> None:
        if self._complains:
            log.warning("charges wait to be booked: %s", error.sub_msg)
        self._complains = False

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


@asynccontextmanager
async def booking(work: ChargeBooking) -> AsyncIterator[None]:
    """Books while inside; at the end what is under way is finished."""
    async with running(work.run(), name="book charges"):
        try:
            yield
        finally:
            await work.stop()


def _is_mark(delivery: BatchDelivery) -> bool:
    return not delivery.body


async def _give_back(deliveries: Sequence[BatchDelivery]) -> None:
    for delivery in reversed(deliveries):  # each goes to the front
        with suppress(PlatformUnavailable):  # of a lost connection it is in the queue already
            await delivery.requeue()
