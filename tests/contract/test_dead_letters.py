"""Dead letters keep their promises in one process and in RabbitMQ alike: looking changes nothing, a replay takes what is meant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import aio_pika
import pytest

from openplatform.adapters.backends import open_dead_letters, open_log_consumer, open_log_publisher
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.rabbitmq_topology import CALL_LOGS
from openplatform.log_frames import frame
from openplatform.ports import CallLogConsumer, DeadLetters
from openplatform.records import DeadLetterQuery

ALL = DeadLetterQuery()
BODIES = [b'{"n":%d}' % n for n in range(30)]


@dataclass
class Queue:
    """Thirty letters of two reasons, and the queue that they came from."""

    letters: DeadLetters
    consumer: CallLogConsumer
    url: str


@pytest.fixture(params=["memory", "rabbitmq"])
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    embedded = Embedded()
    url = "memory://" if request.param == "memory" else request.getfixturevalue("rabbitmq_url")
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(open_log_publisher(url, embedded))
        consumer = await stack.enter_async_context(open_log_consumer(url, embedded))
        letters = await stack.enter_async_context(open_dead_letters(url, embedded))
        await publisher.publish(b"batch", node="gw-1")
        async with aclosing(consumer.deliveries()) as deliveries, asyncio.timeout(60):
            delivery = await anext(deliveries)
            for n, body in enumerate(BODIES):
                await delivery.dead_letter(body, "strict mapping: 字段" if n % 3 == 0 else "no JSON")
            await delivery.ack()
        yield Queue(letters, consumer, url)


async def test_looking_changes_nothing(queue: Queue) -> None:
    """However often, and by many at once: all letters stay, in their order, and a limit only shortens what is shown."""
    for _ in range(3):
        pages = await asyncio.gather(*(queue.letters.look(ALL, limit=100) for _ in range(3)))
        for page in pages:
            assert [letter.body for letter in page.letters] == BODIES
            assert (page.total, page.looked_at) == (30, 30)
    assert [letter.body for letter in (await queue.letters.look(ALL, limit=2)).letters] == BODIES[:2]
    assert await queue.letters.count() == 30


async def test_letters_say_why_and_since_when(queue: Queue) -> None:
    """Each has its reason, the moment, and an id of its bytes by which it is found again; a reason narrows the choice."""
    strict = (await queue.letters.look(DeadLetterQuery(reason="STRICT"), limit=100)).letters
    assert [letter.body for letter in strict] == BODIES[::3]
    assert {letter.reason for letter in strict} == {"strict mapping: 字段"}
    first = strict[0]
    assert first.dead_at_ms is not None
    by_id = await queue.letters.look(DeadLetterQuery(ids=(first.id,)), limit=100)
    assert by_id.letters == (first,)
    assert (await queue.letters.look(DeadLetterQuery(before_ms=first.dead_at_ms), limit=100)).letters == ()


async def test_a_replay_takes_what_is_meant_and_nothing_else(queue: Queue) -> None:
    """The letters meant go into the queue, oldest first and at most so many; the others stay in their order."""
    assert await queue.letters.replay(DeadLetterQuery(reason="strict"), limit=4) == 4
    assert await queue.letters.replay(DeadLetterQuery(reason="strict"), limit=100) == 6
    assert await queue.letters.replay(DeadLetterQuery(reason="strict"), limit=100) == 0
    left = (await queue.letters.look(ALL, limit=100)).letters
    assert [letter.body for letter in left] == [body for n, body in enumerate(BODIES) if n % 3]
    came = []
    async with aclosing(queue.consumer.deliveries()) as deliveries, asyncio.timeout(60):
        for _ in range(10):
            delivery = await anext(deliveries)
            came.append(delivery.body)
            await delivery.ack()
    assert sorted(came) == sorted(BODIES[::3])


async def test_none_are_none(queue: Queue) -> None:
    """An empty queue of dead letters is an answer, not a wait."""
    assert await queue.letters.replay(ALL, limit=100) == 30
    page = await queue.letters.look(ALL, limit=100)
    assert (page.letters, page.total, page.looked_at) == ((), 0, 0)
    assert await queue.letters.count() == 0


async def test_what_the_broker_puts_aside_says_so(rabbitmq_url: str) -> None:
    """The queue's own net, dead-lettering by the broker, gives no reason: it is shown as that, and can be replayed like the rest."""
    async with open_log_publisher(rabbitmq_url, None) as publisher, open_dead_letters(rabbitmq_url, None) as letters:
        await publisher.publish(frame(b"dropped", 1, 1), node="gw-1")
        async with await aio_pika.connect(rabbitmq_url) as connection:
            source = await (await connection.channel()).get_queue(CALL_LOGS.queue)
            message = await source.get()
            assert message.content_encoding == "lz4"
            await message.reject(requeue=False)
        async with asyncio.timeout(60):
            while not (page := await letters.look(ALL, limit=1)).letters:
                await asyncio.sleep(0.05)
        assert page.letters[0].reason == "put aside by the broker: rejected"
        assert page.letters[0].dead_at_ms is None
        assert page.letters[0].body == b"dropped"  # readable, however it was packed on its way
        assert await letters.replay(DeadLetterQuery(before_ms=1), limit=1) == 1
