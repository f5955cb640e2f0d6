"""The log queue outlives its broker: restarts, hangs, alarms, deleted queues. Each test has a RabbitMQ of its own or a virtual host."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress

import aio_pika
import pytest

from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_consumer, open_rabbitmq_publisher
from openplatform.adapters.rabbitmq_topology import CALL_LOGS
from openplatform.errors import PlatformUnavailable
from openplatform.ports import BatchDelivery, CallLogConsumer, CallLogPublisher
from tests.servers import RabbitMQ
from tests.servers.pool import S

WAIT_S = 120
BRIEF_S = 3.0
"""Until a broker that does not answer is given up."""


async def next_body(deliveries: AsyncIterator[BatchDelivery]) -> bytes:
    """The next batch, acknowledged."""
    async with asyncio.timeout(WAIT_S):
        delivery = await anext(deliveries)
    await delivery.ack()
    return delivery.body


async def depth_when_told(consumer: CallLogConsumer) -> int:
    """What /lag does: asked again until the broker has answered in time."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with suppress(PlatformUnavailable):
                return await consumer.depth()
            await asyncio.sleep(0.1)


async def publish_when_possible(publisher: CallLogPublisher, body: bytes) -> None:
    """What the gateway does: again until it is confirmed."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await publisher.publish(body, node="gw-1")
            except PlatformUnavailable:
                await asyncio.sleep(0.1)


async def test_a_killed_broker_loses_nothing_and_both_ends_go_on(own_server: Callable[[type[S]], S]) -> None:
    """Killed with -9 with a backlog and an unsettled batch: publishing fails as unavailable; afterwards everything arrives."""
    broker = own_server(RabbitMQ)
    async with (
        open_rabbitmq_publisher(broker.url, CALL_LOGS, timeout_s=WAIT_S) as publisher,
        open_rabbitmq_consumer(broker.url, CALL_LOGS) as consumer,
    ):
        for body in (b"settled", b"unsettled", b"waiting"):
            await publish_when_possible(publisher, body)
        async with aclosing(consumer.deliveries()) as deliveries:
            assert await next_body(deliveries) == b"settled"
            held = await anext(deliveries)
            broker.survives_a_crash()
            broker.kill()
            with pytest.raises(PlatformUnavailable):
                await publisher.publish(b"lost", node="gw-1")
            with pytest.raises(PlatformUnavailable):
                await consumer.depth()
            with pytest.raises(PlatformUnavailable):
                await held.ack()
            await asyncio.to_thread(broker.start)
            await publish_when_possible(publisher, b"after")
            assert {await next_body(deliveries) for _ in range(3)} == {b"unsettled", b"waiting", b"after"}
        assert await depth_when_told(consumer) == 0


async def test_a_hung_broker_holds_nobody_longer_than_the_time_budget(own_server: Callable[[type[S]], S]) -> None:
    """A stopped broker: publishing gives up in its budget, opening anew too; when it runs again, both work."""
    broker = own_server(RabbitMQ)
    async with open_rabbitmq_publisher(broker.url, CALL_LOGS, timeout_s=BRIEF_S) as publisher:
        await publish_when_possible(publisher, b"1")
        broker.pause()
        async with asyncio.timeout(WAIT_S):
            for _ in range(2):
                with pytest.raises(PlatformUnavailable):
                    await publisher.publish(b"2", node="gw-1")
        broker.resume()
        await publish_when_possible(publisher, b"3")


async def test_an_alarm_of_the_broker_is_an_outage_that_ends(own_server: Callable[[type[S]], S]) -> None:
    """With a disk alarm nothing is confirmed: publishing times out; after the alarm it works, and duplicates are possible."""
    broker = own_server(RabbitMQ)
    async with (
        open_rabbitmq_publisher(broker.url, CALL_LOGS, timeout_s=BRIEF_S) as publisher,
        open_rabbitmq_consumer(broker.url, CALL_LOGS) as consumer,
    ):
        await publish_when_possible(publisher, b"before")
        broker.evaluate("rabbit_disk_monitor:set_disk_free_limit(200000000000000).")
        with suppress(PlatformUnavailable):
            for _ in range(100):  # the broker still confirms until its alarm has reached the connection
                await publisher.publish(b"during", node="gw-1")
                await asyncio.sleep(0.1)
        for _ in range(2):
            with pytest.raises(PlatformUnavailable):
                await publisher.publish(b"during", node="gw-1")
        async with aclosing(consumer.deliveries()) as deliveries:
            assert await next_body(deliveries) == b"before"
            broker.evaluate('rabbit_disk_monitor:set_disk_free_limit("50MB").')
            await publish_when_possible(publisher, b"after")
            bodies = [await next_body(deliveries)]
            while bodies[-1] != b"after":
                bodies.append(await next_body(deliveries))
            assert set(bodies) <= {b"before", b"during", b"after"}


async def test_a_deleted_queue_is_declared_again(rabbitmq_url: str) -> None:
    """The queue is deleted under a running consumer: it declares it anew, and what is published then arrives."""
    async with (
        open_rabbitmq_publisher(rabbitmq_url, CALL_LOGS, timeout_s=WAIT_S) as publisher,
        open_rabbitmq_consumer(rabbitmq_url, CALL_LOGS) as consumer,
    ):
        await publish_when_possible(publisher, b"1")
        async with aclosing(consumer.deliveries()) as deliveries:
            assert await next_body(deliveries) == b"1"
            waiting = asyncio.ensure_future(next_body(deliveries))
            async with await aio_pika.connect(rabbitmq_url) as connection:
                await (await connection.channel()).queue_delete(CALL_LOGS.queue)
            await publish_when_possible(publisher, b"2")
            assert await waiting == b"2"


async def test_an_unroutable_batch_is_noticed_and_the_binding_restored(rabbitmq_url: str) -> None:
    """Without its binding the exchange would drop batches silently: publishing fails instead, and declares it for the next."""
    async with (
        open_rabbitmq_publisher(rabbitmq_url, CALL_LOGS, timeout_s=WAIT_S) as publisher,
        open_rabbitmq_consumer(rabbitmq_url, CALL_LOGS) as consumer,
    ):
        await publish_when_possible(publisher, b"1")
        async with await aio_pika.connect(rabbitmq_url) as connection:
            queue = await (await connection.channel()).get_queue(CALL_LOGS.queue)
            await queue.unbind(CALL_LOGS.exchange, CALL_LOGS.routing_prefix + "#")
        with pytest.raises(PlatformUnavailable):
            await publisher.publish(b"2", node="gw-1")
        await publisher.publish(b"3", node="gw-1")
        assert await depth_when_told(consumer) == 2


async def test_many_batches_at_once_are_all_confirmed(rabbitmq_url: str) -> None:
    """Concurrent publishing over one channel confirms each batch; others may bind a queue of their own to the exchange."""
    async with (
        open_rabbitmq_publisher(rabbitmq_url, CALL_LOGS, timeout_s=WAIT_S) as publisher,
        open_rabbitmq_consumer(rabbitmq_url, CALL_LOGS) as consumer,
    ):
        await publish_when_possible(publisher, b"0")
        async with await aio_pika.connect(rabbitmq_url) as connection:
            channel = await connection.channel()
            other = await channel.declare_queue("audit", durable=True)
            await other.bind(CALL_LOGS.exchange, CALL_LOGS.routing_prefix + "gw-2")
            await asyncio.gather(*(publisher.publish(b"%d" % n, node=f"gw-{n % 2 + 1}") for n in range(1, 200)))
            assert await depth_when_told(consumer) == 200
            assert (await channel.declare_queue("audit", passive=True)).declaration_result.message_count == 100
