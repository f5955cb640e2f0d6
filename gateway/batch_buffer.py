"""Records on their way out of the process, in memory: a bounded buffer, sent in confirmed batches; offering never waits."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from gateway.delivery import BATCH_RECORDS, Delivery
from openplatform.ports import ChargePublisher

R = TypeVar("R")


def to_queue(publisher: ChargePublisher, *, node: str) -> Callable[[Sequence[Any]], Awaitable[None]]:
    """What sends a batch of records into a queue, as NDJSON."""
    encoder = msgspec.json.Encoder()

    async def send(records: Sequence[Any]) -> None:
        await publisher.publish(encoder.encode_lines(records), node=node)

    return send


class BatchBuffer(Generic[R]):
    """Collects records and sends them in batches of at most BATCH_RECORDS.

    send, what, flush_s: Delivery's; max_records bounds memory: past it the oldest record is dropped and counted.
    """

    def __init__(
        self, send: Callable[[Sequence[R]], Awaitable[None]], *, what: str, max_records: int, flush_s: float
    ) -> None:
        self._max_records = max_records
        self._records: deque[R] = deque()
        self._unconfirmed = 0
        self._delivery: Delivery[Sequence[R]] = Delivery(self, send, what=what, flush_s=flush_s)
        self.dropped = 0
        self.published = 0

    def offer(self, record: R) -> None:
        """Takes a record; never waits, never fails."""
        records = self._records
        records.append(record)
        waiting = len(records)
        if waiting >= BATCH_RECORDS:
            if waiting > self._max_records:
                records.popleft()
                self.dropped += 1
            self._delivery.hurry()

    @property
    def waiting(self) -> int:
        """Records that are not confirmed yet."""
        return len(self._records) + self._unconfirmed

    @property
    def failed_attempts(self) -> int:
        """Batches that had to be sent again, each time."""
        return self._delivery.failed_attempts

    async def run(self) -> None:
        """Sends until cancelled."""
        await self._delivery.run()

    async def flush(self, *, timeout_s: float) -> int:
        """Sends everything that is left; returns how many records it could not hand over in time."""
        await self._delivery.flush(timeout_s=timeout_s)
        return self.waiting

    # --- as the delivery's source

    def take(self) -> Sequence[R] | None:
        records = self._records
        batch = [records.popleft() for _ in range(min(BATCH_RECORDS, len(records)))]
        self._unconfirmed += len(batch)
        return batch or None

    def settle(self, batch: Sequence[R], *, is_confirmed: bool) -> None:
        self._unconfirmed -= len(batch)
        if is_confirmed:
            self.published += len(batch)
        else:
            self.dropped += len(batch)
