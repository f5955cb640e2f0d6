"""Enters call logs into the ledger: off the broker's queue as the indexer would take them, or out of the store that it fills."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import msgspec
from elasticsearch import AsyncElasticsearch

from openplatform.adapters.rabbitmq_topology import CALL_LOGS, declare_topology
from openplatform.log_frames import plain
from openplatform.records import CallLog
from tests.faults.ledger import Ledger
from tests.processes import Running
from tests.stored_logs import every_hit, stored
from tests.waiting import PATIENCE_S


class Documents:
    """What a real indexer has stored: a record that is in two documents counts twice."""

    def __init__(self, ledger: Ledger, store: AsyncElasticsearch, indexer: Running) -> None:
        self.indexer = indexer
        self._ledger = ledger
        self._store = store

    async def settle(self, *, within_s: float = PATIENCE_S) -> None:
        """As Records'."""
        ends = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < ends:
            await stored(self._store)  # refreshes
            found = Counter([hit["_id"] async for hit in every_hit(self._store)])
            self._ledger.logs.clear()
            self._ledger.logs.update(found)
            if not self._ledger.check().lost_logs:
                return
            await asyncio.sleep(0.5)


class Records:
    """Reads until closed. `settle` waits until nothing more comes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._decoder = msgspec.json.Decoder(CallLog)

    def take(self, body: bytes) -> None:
        """One message of records."""
        for log in self._decoder.decode_lines(plain(body)):
            self._ledger.logs[log.requestId] += 1

    async def settle(self, *, within_s: float = PATIENCE_S) -> None:
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


@asynccontextmanager
async def documents_of(elasticsearch_url: str, ledger: Ledger, indexer: Running) -> AsyncIterator[Documents]:
    """What the indexer stores while the block runs."""
    async with AsyncElasticsearch(elasticsearch_url, request_timeout=PATIENCE_S) as store:
        yield Documents(ledger, store, indexer)
