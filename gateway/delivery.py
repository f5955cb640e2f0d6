"""Batches on their way out of the process: several at once, each sent again until it is confirmed."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from openplatform.errors import PlatformUnavailable
from openplatform.jobs import end

B = TypeVar("B")
log = logging.getLogger(__name__)

BATCH_RECORDS = 500
"""One batch's bound, agreed with those who read the queues."""
BATCHES_UNDER_WAY = 8
"""Batches sent and not yet confirmed: enough to hide a confirm of some ms at 20,000 calls/s."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class Source(Protocol[B]):
    """Where batches come from, and what hears what became of them."""

    def take(self) -> B | None:
        """The next batch, which is under way from now on; None = nothing waits."""

    def settle(self, batch: B, *, is_confirmed: bool) -> None:
        """Its way has ended. is_confirmed False: it can never be sent. A batch whose delivery is cancelled is not settled."""


class Delivery(Generic[B]):
    """Takes batches from a source and sends them, at most BATCHES_UNDER_WAY at a time.

    send: raises PlatformUnavailable when the batch has to be sent again, which it is until it goes through: the reader drops what
    it has already; what: names the records in the process log; flush_s: how often it looks for batches that are not full.
    """

    def __init__(self, source: Source[B], send: Callable[[B], Awaitable[None]], *, what: str, flush_s: float) -> None:
        self._source = source
        self._send = send
        self._what = what
        self._flush_s = flush_s
        self._full = asyncio.Event()
        self._slots = asyncio.Semaphore(BATCHES_UNDER_WAY)
        self._under_way: set[asyncio.Task[None]] = set()
        self.is_heard = True
        """False from an attempt that failed until one that was confirmed."""
        self.confirmed_batches = 0
        self.failed_attempts = 0

    def hurry(self) -> None:
        """A whole batch waits: it need not wait any longer."""
        self._full.set()

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._flush_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            await self._send_waiting()

    async def flush(self, *, timeout_s: float) -> None:
        """Sends everything that is left, as far as that is possible in time. Nothing is under way when it returns."""
        sending = asyncio.create_task(self._send_all())
        await asyncio.wait((sending,), timeout=timeout_s)
        await end(sending)
        for task in tuple(self._under_way):
            await end(task)

    async def _send_waiting(self) -> None:
        while True:
            await self._slots.acquire()
            batch = self._source.take()
            if batch is None:
                self._slots.release()
                return
            task = asyncio.create_task(self._deliver(batch))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    async def _send_all(self) -> None:
        await self._send_waiting()
        while self._under_way:
            await asyncio.wait(self._under_way)
            await self._send_waiting()

    async def _deliver(self, batch: B) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._send(batch)
            except PlatformUnavailable as error:
                self.failed_attempts += 1
                self.is_heard = False
                if pause_s == FIRST_PAUSE_S:
                    log.warning("%s wait for their way: %s", self._what, error.sub_msg)
                await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311  # jitter, no secret
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            except Exception:
                # A batch that can never be sent must not hold up the others; the source counts it, and _ended logs why.
                self._source.settle(batch, is_confirmed=False)
                raise
            else:
                self.confirmed_batches += 1
                self.is_heard = True
                self._source.settle(batch, is_confirmed=True)
                return

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a batch of %s was lost to a fault", self._what, exc_info=error)
