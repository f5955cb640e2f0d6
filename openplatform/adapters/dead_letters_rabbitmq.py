"""The dead letters of the call log queue in RabbitMQ: read without being taken, and put back into their queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aio_pika.abc import AbstractIncomingMessage

from openplatform.adapters.batch_queue_rabbitmq import RabbitMqBatchPublisher
from openplatform.adapters.rabbitmq_topology import (
    SETTLE_TIMEOUT_S,
    BatchChannel,
    QueueTopology,
    messages_in,
    rabbitmq_errors,
)
from openplatform.log_frames import plain
from openplatform.ports import CallLogPublisher
from openplatform.records import DeadLetter, DeadLetterPage, DeadLetterQuery

MAX_HELD = 10_000
"""Messages that one look holds at a time: with records of up to 64 KiB mostly far below 100 MB."""
_REPLAYED_AT_ONCE = 50
_IDLE_S = 2.0
"""No message for so long: somebody else looks at the rest at this moment."""
_NODE = "replay"


class RabbitMqDeadLetters:
    """Plays DeadLetters.

    A look consumes without acknowledging, on a channel of its own, and closes it: a quorum queue puts what comes back to its head,
    in its order. Meanwhile nobody else sees these messages, so looks go one after the other.
    """

    def __init__(self, side: BatchChannel, reading: BatchChannel, publisher: CallLogPublisher) -> None:
        self._side = side
        self._reading = reading
        self._publisher = publisher
        self._turn = asyncio.Lock()
        self._count = 0

    async def count(self) -> int:
        if not self._turn.locked():  # what a look holds is not counted by the broker
            self._count = await messages_in(self._side, self._side.topology.dead)
        return self._count

    async def look(self, query: DeadLetterQuery, *, limit: int) -> DeadLetterPage:
        async with self._held() as (held, total):
            letters = [letter for message in held if query.means(letter := _letter(message))]
            return DeadLetterPage(letters=tuple(letters[:limit]), total=total, looked_at=len(held))

    async def replay(self, query: DeadLetterQuery, *, limit: int) -> int:
        async with self._held() as (held, _):
            meant = [message for message in held if query.means(_letter(message))][:limit]
            for start in range(0, len(meant), _REPLAYED_AT_ONCE):
                await asyncio.gather(*(self._again(message) for message in meant[start : start + _REPLAYED_AT_ONCE]))
            return len(meant)

    async def _again(self, message: AbstractIncomingMessage) -> None:
        # Confirmed first: what breaks between the two is there twice, and the store drops the second.
        await self._publisher.publish(message.body, node=_NODE)
        with rabbitmq_errors():
            await message.ack()

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[tuple[list[AbstractIncomingMessage], int]]:
        """The oldest messages while inside, and how many there are in all; what is not acknowledged then goes back."""
        async with self._turn:
            total = self._count = await messages_in(self._side, self._side.topology.dead)
            try:
                held = await self._take(min(total, MAX_HELD))
                yield held, total
            finally:
                await self._reading.close()
            await self._until_back(total - sum(message.processed for message in held))

    async def _until_back(self, count: int) -> None:
        """The broker puts messages back a moment after their channel is closed; who looks next must not miss them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_S):
                while await messages_in(self._side, self._side.topology.dead) < count:  # noqa: ASYNC110  # the broker's counter
                    await asyncio.sleep(0.02)

    async def _take(self, count: int) -> list[AbstractIncomingMessage]:
        held: list[AbstractIncomingMessage] = []
        if not count:
            return held
        arrivals: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        with rabbitmq_errors():
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                channel = await self._reading.open()
                await channel.set_qos(prefetch_count=count)
                queue = await channel.get_queue(self._reading.topology.dead, ensure=False)
                await queue.consume(arrivals.put)
            try:
                while len(held) < count:
                    async with asyncio.timeout(_IDLE_S):
                        held.append(await arrivals.get())
            except TimeoutError:
                pass
        return held


@asynccontextmanager
async def open_rabbitmq_dead_letters(url: str, topology: QueueTopology) -> AsyncIterator[RabbitMqDeadLetters]:
    """url: `amqp://user:password@host:port/vhost`. Connects when asked."""
    side, reading, publishing = (BatchChannel(url, topology) for _ in range(3))
    try:
        yield RabbitMqDeadLetters(side, reading, RabbitMqBatchPublisher(publishing))
    finally:
        for channel in (side, reading, publishing):
            await channel.close()


def _letter(message: AbstractIncomingMessage) -> DeadLetter:
    reason, dead_at_ms = message.headers.get("x-reason"), message.headers.get("x-dead-at-ms")
    if not isinstance(reason, str):  # the broker's own dead-lettering says no more than this
        reason = "put aside by the broker: " + str(message.headers.get("x-first-death-reason", "unknown"))
    body = message.body
    with suppress(ValueError):  # what cannot be unpacked is shown as it is
        body = plain(body)
    return DeadLetter.of(body, reason, dead_at_ms if isinstance(dead_at_ms, int) else None)
