"""The queues of batches over RabbitMQ, call logs and charges: confirmed publishing at one end, acknowledged consuming at the other."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import PublishError

from openplatform.adapters.rabbitmq_topology import (
    PREFETCH,
    SETTLE_TIMEOUT_S,
    BatchChannel,
    QueueTopology,
    messages_in,
    on_loss,
    rabbitmq_errors,
)
from openplatform.errors import PlatformUnavailable
from openplatform.log_frames import is_packed
from openplatform.ports import BatchDelivery

log = logging.getLogger(__name__)

PUBLISH_TIMEOUT_S = 5.0
"""A confirm takes 1 ms; a broker with an alarm never sends one. What timed out may still arrive: readers drop duplicates."""
_RECONNECT_LOW_S, _RECONNECT_HIGH_S = 0.2, 5.0

Headers = dict[str, str | int]


class RabbitMqBatchPublisher:
    """Plays CallLogPublisher and ChargePublisher: persistent, mandatory, confirmed messages with the routing key `call.<node>` or
    `charge.<node>`.

    Batches may be published at the same time; a failure gives the connection up, since nobody knows what of it still works.
    A batch that finds no queue is a failure, too: the next connection declares the topology again.
    """

    def __init__(self, channel: BatchChannel, *, timeout_s: float = PUBLISH_TIMEOUT_S) -> None:
        self._channel = channel
        self._timeout_s = timeout_s
        self.unroutable = 0

    async def publish(self, batch: bytes, *, node: str) -> None:
        names = self._channel.topology
        try:
            await _publish(self._channel, names.exchange, names.routing_prefix + node, batch, {}, self._timeout_s)
        except PlatformUnavailable as error:
            if isinstance(error.__cause__, PublishError):
                self.unroutable += 1
                log.error(
                    "%s has no queue for %s: somebody has deleted it, or its binding", names.exchange, names.queue
                )
            raise


class RabbitMqBatchConsumer:
    """Plays CallLogConsumer and ChargeConsumer.

    consuming: a channel with prefetch; side: another connection, for depths and dead letters, since a broker with an alarm
    stops reading from connections that publish, acknowledgements included.
    """

    def __init__(self, consuming: BatchChannel, side: BatchChannel) -> None:
        self._consuming = consuming
        self._side = side

    async def deliveries(self) -> AsyncGenerator[BatchDelivery, None]:
        delay_s = _RECONNECT_LOW_S
        try:
            while True:
                try:
                    with rabbitmq_errors():
                        arrivals = await self._consume()
                except PlatformUnavailable as error:
                    log.warning("nothing from RabbitMQ, next try in %.1f s: %s", delay_s, error.sub_msg)
                    await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311  # spreads reconnections
                    delay_s = min(delay_s * 2, _RECONNECT_HIGH_S)
                    continue
                delay_s = _RECONNECT_LOW_S
                while (delivery := await arrivals.get()) is not None:
                    yield delivery
                log.warning("the channel to RabbitMQ was lost; what is not acknowledged comes again")
        finally:
            self._consuming.drop()

    async def _consume(self) -> "asyncio.Queue[RabbitMqDelivery | None]":
        """Starts consuming on a channel of its own; the queue ends with None when that channel is lost."""
        self._consuming.drop()
        channel = await self._consuming.open()
        arrivals: asyncio.Queue[RabbitMqDelivery | None] = asyncio.Queue()

        def lost() -> None:
            while not arrivals.empty():  # they come again on the next channel
                arrivals.get_nowait()
            arrivals.put_nowait(None)

        async def arrived(message: AbstractIncomingMessage) -> None:
            arrivals.put_nowait(RabbitMqDelivery(message, self._side))

        await on_loss(channel, lost)
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            queue = await channel.get_queue(self._consuming.topology.queue, ensure=False)
            await queue.consume(arrived)
        return arrivals

    async def depth(self) -> int:
        return await messages_in(self._side, self._side.topology.queue)


class RabbitMqDelivery:
    """Plays BatchDelivery. It belongs to the channel it came by: when that is gone, it comes again by another one."""

    def __init__(self, message: AbstractIncomingMessage, dead_letters: BatchChannel) -> None:
        self.body = message.body
        # A quorum queue counts; after a broker's crash it may not have.
        count = message.headers.get("x-delivery-count", 0)
        self.times_before = max(int(bool(message.redelivered)), count if isinstance(count, int) else 0)
        self._message = message
        self._dead_letters = dead_letters

    async def ack(self) -> None:
        with rabbitmq_errors():
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                await self._message.ack()

    async def requeue(self) -> None:
        with rabbitmq_errors():
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                await self._message.nack(requeue=True)

    async def reject(self, reason: str) -> None:
        # Published and confirmed before the ack: the broker's own dead-lettering has no reason and may lose the message.
        await self.dead_letter(self.body, reason)
        await self.ack()

    async def dead_letter(self, record: bytes, reason: str) -> None:
        routing_key = self._message.routing_key or ""
        dead = self._dead_letters.topology.dead
        headers: Headers = {"x-reason": reason[:1000], "x-dead-at-ms": int(time.time() * 1000)}
        await _publish(self._dead_letters, dead, routing_key, record, headers, PUBLISH_TIMEOUT_S)


@asynccontextmanager
async def open_rabbitmq_publisher(
    url: str, topology: QueueTopology, *, timeout_s: float = PUBLISH_TIMEOUT_S
) -> AsyncIterator[RabbitMqBatchPublisher]:
    """url: `amqp://user:password@host:port/vhost`. Connects at the first batch."""
    channel = BatchChannel(url, topology)
    try:
        yield RabbitMqBatchPublisher(channel, timeout_s=timeout_s)
    finally:
        await channel.close()


@asynccontextmanager
async def open_rabbitmq_consumer(url: str, topology: QueueTopology) -> AsyncIterator[RabbitMqBatchConsumer]:
    """Connects when deliveries are asked for."""
    consuming, side = BatchChannel(url, topology, prefetch=PREFETCH), BatchChannel(url, topology)
    try:
        yield RabbitMqBatchConsumer(consuming, side)
    finally:
        await consuming.close()
        await side.close()


async def _publish(
    via: BatchChannel, exchange: str, routing_key: str, body: bytes, headers: Headers, timeout_s: float
) -> None:
    channel: AbstractChannel | None = None
    try:
        with rabbitmq_errors():
            async with asyncio.timeout(timeout_s):
                channel = await via.open()
                target = await channel.get_exchange(exchange, ensure=False)
                message = aio_pika.Message(
                    body,
                    headers={**headers},
                    content_type="application/x-ndjson",
                    content_encoding="lz4" if is_packed(body) else None,
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                )
                await target.publish(message, routing_key, mandatory=True)
    except PlatformUnavailable:
        if channel is not None:
            via.drop(channel)
        raise
