"""The queues of the all-in-one: batches of call logs and of charges from one service to another inside one process."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, nullcontext

from openplatform.adapters.rabbitmq_topology import PREFETCH
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.ports import BatchDelivery
from openplatform.records import DeadLetter

MAX_WAITING = 10_000
"""Batches. At a record of 0.5 KB and small batches a few hundred MB: the bound is there to notice a dead consumer."""

Batches = asyncio.Queue[tuple[bytes, int]]
KeptLetters = deque[DeadLetter]


class MemoryBatchPublisher:
    """Plays CallLogPublisher and ChargePublisher; a full queue is refused at once, as a broker's alarm would."""

    unroutable = 0

    def __init__(self, batches: Batches, *, max_waiting: int = MAX_WAITING) -> None:
        self._batches = batches
        self._max_waiting = max_waiting

    async def publish(self, batch: bytes, *, node: str) -> None:
        if self._batches.qsize() >= self._max_waiting:
            raise PLATFORM_UNAVAILABLE("the queue is full")
        self._batches.put_nowait((batch, 0))


class MemoryBatchConsumer:
    """Plays CallLogConsumer and, with a turn that one consumer holds at a time, ChargeConsumer."""

    def __init__(
        self, batches: Batches, dead_letters: KeptLetters, *, turn: AbstractAsyncContextManager[None] | None = None
    ) -> None:
        self._batches = batches
        self._dead_letters = dead_letters
        self._turn = turn or nullcontext()

    async def deliveries(self) -> AsyncGenerator[BatchDelivery, None]:
        async with self._turn:
            window = _Window(self._batches, self._dead_letters)
            try:
                while True:
                    yield await window.next()
            finally:
                window.close()

    async def depth(self) -> int:
        return self._batches.qsize()


class _Window:
    """The unsettled deliveries of one consumer, at most PREFETCH; what is given back stands first."""

    def __init__(self, batches: Batches, dead_letters: KeptLetters) -> None:
        self.dead_letters = dead_letters
        self._batches = batches
        self._unsettled: dict[MemoryDelivery, None] = {}
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def next(self) -> "MemoryDelivery":
        await self._has_room.wait()
        delivery = MemoryDelivery(self, *await self._batches.get())
        self._unsettled[delivery] = None
        if len(self._unsettled) >= PREFETCH:
            self._has_room.clear()
        return delivery

    def settle(self, *deliveries: "MemoryDelivery", give_back: bool = False) -> None:
        for delivery in deliveries:
            if self._unsettled.pop(delivery, delivery) is delivery:
                raise PLATFORM_UNAVAILABLE("this delivery was given back: it comes again")
        self._has_room.set()
        if give_back:
            waiting = [self._batches.get_nowait() for _ in range(self._batches.qsize())]
            for again in (*((d.body, d.times_before + 1) for d in deliveries), *waiting):
                self._batches.put_nowait(again)

    def close(self) -> None:
        self.settle(*self._unsettled, give_back=True)


class MemoryDelivery:
    """Plays BatchDelivery."""

    def __init__(self, window: _Window, body: bytes, times_before: int) -> None:
        self.body = body
        self.times_before = times_before
        self._window = window

    async def ack(self) -> None:
        self._window.settle(self)

    async def requeue(self) -> None:
        self._window.settle(self, give_back=True)

    async def reject(self, reason: str) -> None:
        await self.dead_letter(self.body, reason)
        await self.ack()

    async def dead_letter(self, record: bytes, reason: str) -> None:
        self._window.dead_letters.append(DeadLetter.of(record, reason, int(time.time() * 1000)))
