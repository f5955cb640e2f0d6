"""Records on their way out of the process: a bounded buffer, batches, sent until they are confirmed; offering never waits."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from openplatform.errors import PlatformUnavailable
from openplatform.jobs import end
from openplatform.ports import CallLogPublisher, ChargePublisher

R = TypeVar("R")
log = logging.getLogger(__name__)

BATCH_RECORDS = 500
"""One batch's bound, agreed with those who read the queues."""
BATCHES_UNDER_WAY = 8
"""Batches sent and not yet confirmed: enough to hide a confirm of some ms at 20,000 calls/s."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


def to_queue(publisher: CallLogPublisher | ChargePublisher, *, node: str) -> Callable[[Sequence[Any]], Awaitable[None]]:
    """What sends a batch of records into a queue, as NDJSON."""
    encoder = msgspec.json.Encoder()

    async def send(records: Sequence[Any]) -> None:
        await publisher.publish(encoder.encode_lines(records), node=node)

    return send


class BatchBuffer(Generic[R]):
    """Collects records and sends them in batches.

    send: raises PlatformUnavailable when the batch has to be sent again, which it is until it goes through: the reader drops what
    it has already; what: names the records in the process log; max_records bounds memory: past it the oldest record is dropped
    and counted; flush_s: how long a record waits for its batch to fill.
    """

    def __init__(
        self, send: Callable[[Sequence[R]], Awaitable[None]], *, what: str, max_records: int, flush_s: float
    ) -> None:
        self._send = send
        self._what = what
        self._max_records = max_records
        self._flush_s = flush_s
        self._records: deque[R] = deque()
        self._full = asyncio.Event()
        self._slots = asyncio.Semaphore(BATCHES_UNDER_WAY)
        self._under_way: set[asyncio.Task[None]] = set()
        self._unconfirmed = 0
        self.dropped = 0
        self.published = 0
        self.failed_attempts = 0

    def offer(self, record: R) -> None:
        """Takes a record; never waits, never fails."""
        records = self._records
        records.append(record)
        waiting = len(records)
        if waiting >= BATCH_RECORDS:
            if waiting > self._max_records:
                records.popleft()
                self.dropped += 1
            self._full.set()

    @property
    def waiting(self) -> int:
        """Records that are not confirmed yet."""
        return len(self._records) + self._unconfirmed

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._flush_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            while self._records:
                await self._slots.acquire()
                task = asyncio.create_task(self._deliver(self._take()))
                self._under_way.add(task)
                task.add_done_callback(self._settled)

    async def flush(self, *, timeout_s: float) -> int:
        """Sends everything that is left; returns how many records it could not hand over in time."""
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send_rest())
            await asyncio.wait((sending,), timeout=timeout_s)
            await end(sending)
        return self.waiting

    async def _send_rest(self) -> None:
        while self._records or self._under_way:
            while self._records:
                await self._deliver(self._take())
            if self._under_way:
                await asyncio.wait(self._under_way)

    def _take(self) -> list[R]:
        records = self._records
        batch = [records.popleft() for _ in range(min(BATCH_RECORDS, len(records)))]
        self._unconfirmed += len(batch)
        return batch

    async def _deliver(self, records: list[R]) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._send(records)
            except PlatformUnavailable as error:
                self.failed_attempts += 1
                if pause_s == FIRST_PAUSE_S:
                    log.warning("%s wait for their way: %s", self._what, error.sub_msg)
                await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311  # jitter, no secret
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            except Exception:
                # A batch that can never be sent must not hold up the others; it is counted, and _settled logs why.
                self.dropped += len(records)
                self._unconfirmed -= len(records)
                raise
            else:
                self.published += len(records)
                self._unconfirmed -= len(records)
                return

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a batch of %s was lost to a fault", self._what, exc_info=error)
