"""The queues of call logs and of charges keep their promises in one process and over RabbitMQ alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass

import aio_pika
import pytest

from openplatform.adapters.backends import (
    open_charge_consumer,
    open_charge_publisher,
    open_log_consumer,
    open_log_publisher,
)
from openplatform.adapters.batch_queue_memory import MemoryBatchPublisher
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.rabbitmq_topology import CALL_LOGS, CHARGES, PREFETCH, QueueTopology
from openplatform.errors import PlatformUnavailable, SettingsError
from openplatform.jobs import end
from openplatform.ports import BatchDelivery, CallLogConsumer, CallLogPublisher

WAIT_S = 60


@dataclass
class Queue:
    """Both ends of a queue that nobody else uses, and a look at its dead letters."""

    publisher: CallLogPublisher
    consumer: CallLogConsumer
    dead_letters: Callable[[], Awaitable[list[tuple[str, bytes]]]]
    open_consumer: Callable[[], AbstractAsyncContextManager[CallLogConsumer]]


KINDS = {
    "logs": (open_log_publisher, open_log_consumer, CALL_LOGS),
    "charges": (open_charge_publisher, open_charge_consumer, CHARGES),
}


@asynccontextmanager
async def open_queue(request: pytest.FixtureRequest, kind: str, store: str) -> AsyncIterator[Queue]:
    """An empty queue of this kind in this store."""
    embedded = Embedded()
    url = "memory://" if store == "memory" else request.getfixturevalue("rabbitmq_url")
    open_publisher, open_consumer, names = KINDS[kind]

    async def dead_letters() -> list[tuple[str, bytes]]:
        if store == "memory":
            return [
                (dead.reason, dead.body)
                for dead in (embedded.dead_letters if kind == "logs" else embedded.dead_charges)
            ]
        return await dead_in_rabbitmq(url, names)

    async with open_publisher(url, embedded) as publisher, open_consumer(url, embedded) as consumer:
        yield Queue(publisher, consumer, dead_letters, lambda: open_consumer(url, embedded))


@pytest.fixture(params=["memory", "rabbitmq"])
def store(request: pytest.FixtureRequest) -> str:
    """In the process, and in RabbitMQ."""
    return str(request.param)


@pytest.fixture(params=["logs", "charges"])
async def queue(request: pytest.FixtureRequest, store: str) -> AsyncIterator[Queue]:
    async with open_queue(request, request.param, store) as opened:
        yield opened


@pytest.fixture
async def log_queue(request: pytest.FixtureRequest, store: str) -> AsyncIterator[Queue]:
    async with open_queue(request, "logs", store) as opened:
        yield opened


@pytest.fixture
async def charge_queue(request: pytest.FixtureRequest, store: str) -> AsyncIterator[Queue]:
    async with open_queue(request, "charges", store) as opened:
        yield opened


async def dead_in_rabbitmq(url: str, names: QueueTopology = CALL_LOGS) -> list[tuple[str, bytes]]:
    """(reason, record) of what lies in the dead-letter queue, taken out."""
    found = []
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        dead = await channel.get_queue(names.dead)
        while (message := await dead.get(fail=False)) is not None:
            await message.ack()
            found.append((str(message.headers["x-reason"]), message.body))
    return found


async def take(deliveries: AsyncIterator[BatchDelivery], count: int) -> list[BatchDelivery]:
    """The next deliveries, or a failed test."""
    async with asyncio.timeout(WAIT_S):
        return [await anext(deliveries) for _ in range(count)]


async def nothing_comes(deliveries: AsyncIterator[BatchDelivery]) -> bool:
    """Whether half a second brings no delivery; closes the iteration."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await anext(deliveries)
    return True


async def until_depth(consumer: CallLogConsumer, depth: int) -> None:
    """Waits until so many batches wait."""
    async with asyncio.timeout(WAIT_S):
        while await consumer.depth() != depth:
            await asyncio.sleep(0.05)


async def test_batches_arrive_whole_and_in_order(queue: Queue) -> None:
    """What one publisher sends arrives byte for byte, in its order."""
    bodies = [f'{{"n":{n},"text":"订单"}}\n'.encode() * 3 for n in range(5)]
    for body in bodies:
        await queue.publisher.publish(body, node="gw-1")
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        arrived = await take(deliveries, 5)
        assert [delivery.body for delivery in arrived] == bodies
        assert not any(delivery.times_before for delivery in arrived)
        for delivery in arrived:
            await delivery.ack()
    await until_depth(queue.consumer, 0)


async def test_batches_published_before_the_first_consumer_wait(queue: Queue) -> None:
    """A batch that is published while no indexer has ever run is kept for it, and counted in the depth."""
    await queue.publisher.publish(b"{}\n", node="gw-1")
    await until_depth(queue.consumer, 1)


async def test_at_most_prefetch_deliveries_are_unsettled(queue: Queue) -> None:
    """A consumer that settles nothing gets no more than its window, whatever waits."""
    for n in range(PREFETCH + 2):
        await queue.publisher.publish(b"%d\n" % n, node="gw-1")
    deliveries = queue.consumer.deliveries()
    async with aclosing(deliveries):
        window = await take(deliveries, PREFETCH)
        more = asyncio.ensure_future(anext(deliveries))
        assert not (await asyncio.wait([more], timeout=0.5))[0]
        await window[3].ack()
        async with asyncio.timeout(WAIT_S):
            assert (await more).body == b"%d\n" % PREFETCH


async def test_a_requeued_batch_comes_again_and_says_so(queue: Queue) -> None:
    """requeue() brings the same batch again, and says how often it was taken before; ack() ends it."""
    await queue.publisher.publish(b"again\n", node="gw-1")
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        (first,) = await take(deliveries, 1)
        await first.requeue()
        (second,) = await take(deliveries, 1)
        assert (second.body, second.times_before) == (b"again\n", 1)
        await second.requeue()
        (third,) = await take(deliveries, 1)
        assert (third.body, third.times_before) == (b"again\n", 2)
        await third.ack()
        assert await nothing_comes(deliveries)


async def test_what_is_not_settled_comes_again_after_closing(queue: Queue) -> None:
    """A consumer that stops in the middle loses nothing: the next one gets all it did not acknowledge."""
    for n in range(3):
        await queue.publisher.publish(b"%d\n" % n, node="gw-1")
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        kept = await take(deliveries, 3)
        await kept[1].ack()
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        again = await take(deliveries, 2)
        assert sorted(delivery.body for delivery in again) == [b"0\n", b"2\n"]
        assert all(delivery.times_before == 1 for delivery in again)


async def test_settling_a_delivery_of_a_closed_consumer_is_refused(queue: Queue) -> None:
    """A late ack cannot settle what was given back already: it raises PlatformUnavailable, and the batch comes again."""
    await queue.publisher.publish(b"late\n", node="gw-1")
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        (late,) = await take(deliveries, 1)
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        await take(deliveries, 1)
        with pytest.raises(PlatformUnavailable):
            await late.ack()


async def test_a_rejected_batch_goes_to_the_dead_letters_with_its_reason(queue: Queue) -> None:
    """reject() keeps the batch and why in the dead-letter queue; it does not come again."""
    await queue.publisher.publish(b"poison\n", node="gw-1")
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        (poison,) = await take(deliveries, 1)
        await poison.reject("no JSON")
        assert await nothing_comes(deliveries)
    assert await queue.dead_letters() == [("no JSON", b"poison\n")]


async def test_single_records_go_to_the_dead_letters(queue: Queue) -> None:
    """dead_letter() puts aside one record; the batch around it stays to be settled and comes again when it is not."""
    await queue.publisher.publish(b"good\nbad\n", node="gw-1")
    async with aclosing(queue.consumer.deliveries()) as deliveries:
        (batch,) = await take(deliveries, 1)
        await batch.dead_letter(b"bad", "strict_dynamic_mapping_exception: 字段")
        await batch.requeue()
        (batch,) = await take(deliveries, 1)
        await batch.ack()
    assert await queue.dead_letters() == [("strict_dynamic_mapping_exception: 字段", b"bad")]


async def test_two_consumers_share_the_batches(log_queue: Queue) -> None:
    """Two indexers get every batch once between them."""
    found: list[bytes] = []

    async def settle(consumer: CallLogConsumer) -> None:
        async with aclosing(consumer.deliveries()) as deliveries:
            async for delivery in deliveries:
                await delivery.ack()
                found.append(delivery.body)

    async with log_queue.open_consumer() as other, asyncio.timeout(WAIT_S):
        tasks = [asyncio.create_task(settle(consumer)) for consumer in (log_queue.consumer, other)]
        for n in range(20):
            await log_queue.publisher.publish(b"%d\n" % n, node=f"gw-{n}")
        while len(found) < 20:
            await asyncio.sleep(0.05)
        for task in tasks:
            await end(task)
    assert sorted(found, key=int) == [b"%d\n" % n for n in range(20)]


async def test_charges_have_one_consumer_at_a_time(charge_queue: Queue) -> None:
    """The second consumer stands by; when the first goes, it gets first what that one had not settled, then the rest."""
    for n in range(3):
        await charge_queue.publisher.publish(b"%d\n" % n, node="gw-1")
    async with charge_queue.open_consumer() as other, aclosing(other.deliveries()) as standing_by:
        async with aclosing(charge_queue.consumer.deliveries()) as deliveries:
            (first, *_) = await take(deliveries, 3)
            waiting = asyncio.ensure_future(anext(standing_by))
            assert not (await asyncio.wait([waiting], timeout=0.5))[0]
            await charge_queue.publisher.publish(b"3\n", node="gw-1")
            await first.ack()
            assert not (await asyncio.wait([waiting], timeout=0.5))[0]
        async with asyncio.timeout(WAIT_S):
            bodies = [(await waiting).body] + [delivery.body for delivery in await take(standing_by, 2)]
        assert bodies == [b"1\n", b"2\n", b"3\n"]


async def test_an_empty_batch_arrives_after_everything_before_it(charge_queue: Queue) -> None:
    """The mark that says "taken so far" keeps its place, also when what stands before it is given back."""
    for body in (b"1\n", b"2\n", b""):
        await charge_queue.publisher.publish(body, node="gw-1")
    async with aclosing(charge_queue.consumer.deliveries()) as deliveries:
        arrived = await take(deliveries, 3)
        await arrived[0].ack()
    async with aclosing(charge_queue.consumer.deliveries()) as deliveries:
        assert [delivery.body for delivery in await take(deliveries, 2)] == [b"2\n", b""]


async def test_a_full_queue_in_memory_refuses_at_once() -> None:
    """The in-process queue is bounded: what does not fit is refused as a broker's alarm would refuse it."""
    publisher = MemoryBatchPublisher(Embedded().log_batches, max_waiting=1)
    await publisher.publish(b"1\n", node="gw-1")
    with pytest.raises(PlatformUnavailable):
        await publisher.publish(b"2\n", node="gw-1")


@pytest.mark.parametrize("url", ["memory://", "redis://127.0.0.1"])
async def test_a_queue_that_cannot_work_is_a_wrong_setting(url: str) -> None:
    """memory:// outside the all-in-one, or another technology's URL, is refused with the variable's name."""
    for opening in (open_log_publisher, open_log_consumer, open_charge_publisher, open_charge_consumer):
        with pytest.raises(SettingsError, match="PAILOU_RABBITMQ_URL"):
            async with opening(url, None):
                pass
