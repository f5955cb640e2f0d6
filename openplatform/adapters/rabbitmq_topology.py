"""Where batches pass through RabbitMQ: exchanges, queues and bindings, and the channel that declares them whenever it opens.

gateway.logs (topic) --call.#--> gateway.logs.index (quorum) --what can never be indexed--> gateway.logs.dead
billing (topic) --charge.#--> billing.charges (quorum, one consumer at a time) --what can never be booked--> billing.charges.dead
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from openplatform.errors import PLATFORM_UNAVAILABLE

log = logging.getLogger(__name__)

PREFETCH = 8
"""Unsettled messages per consumer; of ≤ 500 records each: 4,000 records in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTopology:
    """One kind of batches: exchange → queue, bound by `routing_prefix#`.

    dead: name of the dead letters' exchange and of their queue; single_active: of several consumers one gets everything, the
    others stand by.
    """

    exchange: str
    queue: str
    dead: str
    routing_prefix: str
    single_active: bool = False


CALL_LOGS = QueueTopology(
    exchange="gateway.logs", queue="gateway.logs.index", dead="gateway.logs.dead", routing_prefix="call."
)
CHARGES = QueueTopology(
    exchange="billing",
    queue="billing.charges",
    dead="billing.charges.dead",
    routing_prefix="charge.",
    single_active=True,
)

OPEN_TIMEOUT_S = 5.0
SETTLE_TIMEOUT_S = 5.0
"""An ack only leaves the process; it waits while the socket is full."""
_CLOSE_TIMEOUT_S = 2.0
_COUNT_TIMEOUT_S = 2.0
_HEARTBEAT_S = 10
"""A broker that hangs or is cut off is noticed after three of them; the default of 60 s would take three minutes."""


@contextmanager
def rabbitmq_errors() -> Iterator[None]:
    """Turns whatever the driver raises inside the block into PlatformUnavailable; usable around awaits.

    A connection that closes *cancels* whoever waits on it, without anybody having cancelled the task: that, too, is an error
    of the broker.
    """
    try:
        yield
    except (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, StopAsyncIteration) as error:
        # The last one: what the driver says of a peer that hangs up while they shake hands.
        raise PLATFORM_UNAVAILABLE(f"rabbitmq: {type(error).__name__}") from error
    except RuntimeError as error:  # the driver's word for "the connection was not opened" or "is closed"
        raise PLATFORM_UNAVAILABLE(f"rabbitmq: {error}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PLATFORM_UNAVAILABLE("rabbitmq: the connection was closed") from error


class BatchChannel:
    """One connection with one channel, opened when asked for; opening declares the topology.

    The driver's own reconnecting channel is not used: it hides whether the topology is there again, and messages that were
    taken before the loss look settleable after it.
    prefetch: 0 = this channel does not consume.
    """

    def __init__(self, url: str, topology: QueueTopology, *, prefetch: int = 0) -> None:
        self.topology = topology
        self._url = url
        self._prefetch = prefetch
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> AbstractChannel:
        """The living channel, or a new one. Raises what the driver raises: call it inside `rabbitmq_errors()`."""
        if (channel := self._living()) is not None:
            return channel
        async with self._opening:
            if (channel := self._living()) is not None:
                return channel
            self.drop()
            try:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    self._channel = await self._connect()
            except BaseException:
                self.drop()
                raise
            return self._channel

    def _living(self) -> AbstractChannel | None:
        return None if self._channel is None or self._channel.is_closed else self._channel

    async def _connect(self) -> AbstractChannel:
        self._connection = await aio_pika.connect(self._url, heartbeat=_HEARTBEAT_S, timeout=OPEN_TIMEOUT_S)
        channel = self._connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.initialize()
        if self._prefetch:
            await channel.set_qos(prefetch_count=self._prefetch)
        await declare_topology(channel, self.topology, server_major=_server_major(self._connection))
        return channel

    def drop(self, channel: AbstractChannel | None = None) -> None:
        """Forgets the connection and closes it in the background; with `channel`, only if it is still this one's."""
        if channel is not None and channel is not self._channel:
            return
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            task = asyncio.create_task(_close(connection))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Closes the connection; unsettled messages go back to their queue."""
        self.drop()
        if self._closing:
            await asyncio.wait(self._closing)


async def declare_topology(channel: AbstractChannel, names: QueueTopology, *, server_major: int) -> None:
    """Creates what is missing. Every publisher does it too, so that nothing is unroutable before the first consumer starts."""
    dead = await channel.declare_exchange(names.dead, aio_pika.ExchangeType.FANOUT, durable=True)
    # Version 4 drops a message after 20 deliveries unless told otherwise; 3.x has no limit and refuses the number.
    plain: dict[str, Any] = {"x-queue-type": "quorum"} | ({"x-delivery-limit": -1} if server_major >= 4 else {})
    dead_queue = await channel.declare_queue(names.dead, durable=True, arguments=plain)
    await dead_queue.bind(dead)
    exchange = await channel.declare_exchange(names.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
    arguments = plain | {"x-dead-letter-exchange": names.dead}
    if names.single_active:
        arguments["x-single-active-consumer"] = True
    queue = await channel.declare_queue(names.queue, durable=True, arguments=arguments)
    await queue.bind(exchange, names.routing_prefix + "#")


async def messages_in(side: BatchChannel, queue: str) -> int:
    """How many messages wait in a queue; those in a consumer's hands do not count. Raises PlatformUnavailable."""
    with rabbitmq_errors():
        async with asyncio.timeout(_COUNT_TIMEOUT_S):
            channel = await (await side.open()).get_underlay_channel()
            answer = await channel.queue_declare(queue, passive=True)
    return answer.message_count or 0


async def on_loss(channel: AbstractChannel, lost: Callable[[], None]) -> None:
    """Calls `lost` when the channel ends, and when the broker takes its consumer away (the queue was deleted)."""
    channel.close_callbacks.add(lambda *_: lost())
    underlay = await channel.get_underlay_channel()
    underlay.on_consumer_cancel_callbacks.add(lambda _: lost())


def _server_major(connection: AbstractConnection) -> int:
    transport = connection.transport
    properties = {} if transport is None else transport.connection.server_properties
    version = properties.get("version", b"")
    text = version.decode() if isinstance(version, bytes) else str(version)
    head = text.partition(".")[0]
    return int(head) if head.isdigit() else 3


async def _close(connection: AbstractConnection) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await connection.close()
    except Exception as error:  # it is being given up: whatever is wrong with it does not matter any more
        log.debug("a connection to RabbitMQ did not close cleanly: %r", error)
