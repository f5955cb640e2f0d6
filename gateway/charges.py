"""What becomes of a call's price after its end: kept and sent to the ledger, or given back; the caller waits for neither.

A kept price is settled in Redis and its charge sent through the queue until the broker has it safe. A gateway that dies in
between leaves the settled reservation, which admin_api books in the charge's place; before it was settled, it runs out and nobody
is charged.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from gateway.batch_buffer import BatchBuffer, to_queue
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Balances, ChargePublisher
from openplatform.records import Charge

log = logging.getLogger(__name__)

MAX_WAITING = 100_000
"""Charges in memory while the broker is away: about 40 MB. One that is pushed out is booked from its reservation."""
FLUSH_S = 0.05
"""How long a charge waits for its batch to fill: what a killed process may not charge for."""

Release = tuple[int, str]
"""customer_id, request_id."""


class Charges:
    """Settles and releases beside the calls; `keep` and `give_back` never wait."""

    def __init__(self, balances: Balances, publisher: ChargePublisher, *, node: str) -> None:
        self._balances = balances
        self._publish = to_queue(publisher, node=node)
        self.kept: BatchBuffer[Charge] = BatchBuffer(
            self._send, what="charges", max_records=MAX_WAITING, flush_s=FLUSH_S
        )
        self.given_back: BatchBuffer[Release] = BatchBuffer(
            self._release, what="unspent prices", max_records=MAX_WAITING, flush_s=FLUSH_S
        )
        self.unsettled = 0

    def keep(self, charge: Charge) -> None:
        """The call was answered, or may have had its effect: it is charged."""
        self.kept.offer(charge)

    def give_back(self, customer_id: int, request_id: str) -> None:
        """The call is not charged: its price can be spent again."""
        self.given_back.offer((customer_id, request_id))

    @property
    def waiting(self) -> int:
        """Charges that the broker does not have yet."""
        return self.kept.waiting

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.kept.run())
            tasks.create_task(self.given_back.run())

    async def flush(self, *, timeout_s: float) -> int:
        """Sends everything that is left; returns how many charges the broker did not take in time."""
        left, _ = await asyncio.gather(self.kept.flush(timeout_s=timeout_s), self.given_back.flush(timeout_s=timeout_s))
        return left

    async def _send(self, charges: Sequence[Charge]) -> None:
        # Settled first: from then on the price cannot run out while the broker is away. What Redis does not hear of now is
        # booked all the same.
        try:
            for customer_id, request_ids in _by_customer((c.customer_id, c.request_id) for c in charges):
                await self._balances.settle(customer_id, request_ids)
        except PlatformUnavailable as error:
            self.unsettled += len(charges)
            log.debug("%d charges could not be settled: %s", len(charges), error.sub_msg)
        await self._publish(charges)

    async def _release(self, releases: Sequence[Release]) -> None:
        for customer_id, request_ids in _by_customer(releases):
            await self._balances.release(customer_id, request_ids)


def _by_customer(calls: Iterable[Release]) -> Iterable[tuple[int, list[str]]]:
    found: dict[int, list[str]] = {}
    for customer_id, request_id in calls:
        found.setdefault(customer_id, []).append(request_id)
    return found.items()
