"""The log queue of the all-in-one: from the gateway's batches to the indexer inside one process."""

import asyncio
from collections.abc import AsyncGenerator

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.rabbitmq_topology import PREFETCH
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.ports import LogDelivery

MAX_WAITING = 10_000
"""Batches. At a record of 0.5 KB and small batches a few hundred MB: the bound is there to notice a dead indexer."""


class MemoryCallLogPublisher:
    """Plays CallLogPublisher; a full queue is refused at once, as a broker's alarm would."""

    def __init__(self, embedded: Embedded, *, max_waiting: int = MAX_WAITING) -> None:
        self._queue = embedded.log_batches
        self._max_waiting = max_waiting

    async def publish(self, batch: bytes, *, node: str) -> None:
        if self._queue.qsize() >= self._max_waiting:
            raise PLATFORM_UNAVAILABLE("the log queue is full")
        self._queue.put_nowait((batch, False))


class MemoryCallLogConsumer:
    """Plays CallLogConsumer."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded

    async def deliveries(self) -> AsyncGenerator[LogDelivery, None]:
        window = _Window(self._embedded)
        try:
            while True:
                yield await window.next()
        finally:
            window.close()

    async def depth(self) -> int:
        return self._embedded.log_batches.qsize()


class _Window:
    """The unsettled deliveries of one consumer, at most PREFETCH."""

    def __init__(self, embedded: Embedded) -> None:
        self.embedded = embedded
        self._unsettled: set[MemoryLogDelivery] = set()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def next(self) -> "MemoryLogDelivery":
        await self._has_room.wait()
        delivery = MemoryLogDelivery(self, *await self.embedded.log_batches.get())
        self._unsettled.add(delivery)
        if len(self._unsettled) >= PREFETCH:
            self._has_room.clear()
        return delivery

    def settle(self, delivery: "MemoryLogDelivery", *, give_back: bool = False) -> None:
        if delivery not in self._unsettled:
            raise PLATFORM_UNAVAILABLE("this delivery was given back: it comes again")
        self._unsettled.discard(delivery)
        self._has_room.set()
        if give_back:
            self.embedded.log_batches.put_nowait((delivery.body, True))

    def close(self) -> None:
        for delivery in tuple(self._unsettled):
            self.settle(delivery, give_back=True)


class MemoryLogDelivery:
    """Plays LogDelivery."""

    def __init__(self, window: _Window, body: bytes, redelivered: bool) -> None:
        self.body = body
        self.redelivered = redelivered
        self._window = window

    async def ack(self) -> None:
        self._window.settle(self)

    async def requeue(self) -> None:
        self._window.settle(self, give_back=True)

    async def reject(self, reason: str) -> None:
        await self.dead_letter(self.body, reason)
        await self.ack()

    async def dead_letter(self, record: bytes, reason: str) -> None:
        self._window.embedded.dead_letters.append((reason, record))
