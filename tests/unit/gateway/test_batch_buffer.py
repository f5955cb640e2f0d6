"""Call logs on their way out: batched, confirmed, repeated until confirmed, bounded, flushed at the end."""

import asyncio

import msgspec
import pytest

from gateway.batch_buffer import BatchBuffer, to_queue
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import CallLog


def record(n: int) -> CallLog:
    return CallLog(
        requestId=str(n), appkey="a", servIP="127.0.0.1", venderId=None, remoteIp="127.0.0.1", apiName="open.a.get",
        platformRepTime=1, requestContent="中", errorCode="0", receiveTime=1,
    )  # fmt: skip


class Broker:
    """A CallLogPublisher that fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.batches: list[list[CallLog]] = []

    async def publish(self, batch: bytes, *, node: str) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise PLATFORM_UNAVAILABLE()
        self.batches.append(msgspec.json.Decoder(CallLog).decode_lines(batch))


def buffer_to(broker: Broker, *, max_records: int) -> BatchBuffer[CallLog]:
    return BatchBuffer(to_queue(broker, node="n"), what="call logs", max_records=max_records, flush_s=0.001)


async def emptied(buffer: BatchBuffer[CallLog]) -> None:
    running = asyncio.create_task(buffer.run())
    async with asyncio.timeout(30):
        while buffer.waiting:
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running])


async def test_batches_hold_500_records() -> None:
    """1,200 records make three messages, all of them confirmed and counted."""
    broker = Broker()
    buffer = buffer_to(broker, max_records=5000)
    for n in range(1200):
        buffer.offer(record(n))
    await emptied(buffer)
    assert sorted(len(batch) for batch in broker.batches) == [200, 500, 500]
    assert {r.requestId for batch in broker.batches for r in batch} == {str(n) for n in range(1200)}
    assert (buffer.published, buffer.dropped) == (1200, 0)


async def test_a_batch_is_sent_until_it_is_confirmed() -> None:
    """A broker that is away for a while costs no record."""
    broker = Broker(failures=2)
    buffer = buffer_to(broker, max_records=5000)
    buffer.offer(record(1))
    await emptied(buffer)
    assert (buffer.published, buffer.failed_attempts) == (1, 2)


async def test_memory_is_bounded_and_the_oldest_go() -> None:
    """With nobody taking them, records past the bound push out the oldest, and each is counted."""
    broker = Broker()
    buffer = buffer_to(broker, max_records=600)
    for n in range(1000):
        buffer.offer(record(n))
    assert (buffer.waiting, buffer.dropped) == (600, 400)
    assert await buffer.flush(timeout_s=5) == 0
    assert [r.requestId for batch in broker.batches for r in batch] == [str(n) for n in range(400, 1000)]


async def test_a_flush_ends_in_time() -> None:
    """A broker that never comes back does not hold up the end; what is left is said."""
    buffer = buffer_to(Broker(failures=10**6), max_records=600)
    buffer.offer(record(1))
    assert await buffer.flush(timeout_s=0.05) == 1


async def test_a_batch_that_can_never_be_sent_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A record that has no JSON form costs its batch, which is said and counted; later batches go on."""
    broker = Broker()
    buffer = buffer_to(broker, max_records=5000)
    poison = record(1)
    poison.requestContent = "\ud800"
    buffer.offer(poison)
    await emptied(buffer)
    assert (buffer.dropped, buffer.published, buffer.waiting) == (1, 0, 0)
    assert "lost to a fault" in caplog.text
    buffer.offer(record(2))
    await emptied(buffer)
    assert (buffer.dropped, buffer.published) == (1, 1)
