"""Takes the call logs off the broker's queue as the indexer would, and enters them into the ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import msgspec

from openplatform.adapters.rabbitmq_topology import CALL_LOGS, declare_topology
from openplatform.records import CallLog
from tests.faults.ledger import Ledger


class Records:
    """Reads until closed. `settle` waits until nothing more comes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._decoder = msgspec.json.Decoder(CallLog)

    def take(self, body: bytes) -> None:
        """One message: NDJSON of records."""
        for log in self._decoder.decode_lines(body):
            self._ledger.logs[log.requestId] += 1

    async def settle(self, *, within_s: float = 8.0) -> None:
        """Returns when every answered call has its record, or when that has not come true in time: `check` counts what lacks."""
        ends = asyncio.get_running_loop().time() + within_s
        while self._ledger.check().lost_logs and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def records_of(rabbitmq_url: str, ledger: Ledger) -> AsyncIterator[Records]:
    """Consumes the queue of this virtual host while the block runs."""
    records = Records(ledger)

    async def consume(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        records.take(message.body)
        await message.ack()

    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=64)
        await declare_topology(channel, CALL_LOGS, server_major=3)
        queue = await channel.get_queue(CALL_LOGS.queue)
        await queue.consume(consume)
        yield records
