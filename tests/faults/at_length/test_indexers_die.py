"""Rows I1 and Q7: an indexer killed twenty times, and one that cannot store for longer than the broker waits for an acknowledgement."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.faults.indexing import IndexingWorld, Sent, open_indexing_world
from tests.faults.report import report
from tests.faults.store_proxy import Items, StoreProxy
from tests.servers import RabbitMQ, Redis
from tests.servers.pool import S

pytestmark = pytest.mark.asyncio(loop_scope="module")
BROKER_WAITS_S = 8
"""In place of the broker's 30 minutes; it looks every second in place of every minute."""
HOLD_S = 2
FAULT_S = 3 * BROKER_WAITS_S


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    server_of: Callable[[type[S]], S], elasticsearch_url: str, durable_redis: Redis, folder: Path
) -> AsyncIterator[IndexingWorld]:
    """A broker of its own, without patience."""
    broker = server_of(RabbitMQ)
    for setting, value in (("consumer_timeout", BROKER_WAITS_S * 1000), ("channel_tick_interval", 1000)):
        await asyncio.to_thread(broker.evaluate, f"application:set_env(rabbit, {setting}, {value}).")
    async with open_indexing_world(broker.url, elasticsearch_url, durable_redis.url, folder) as world:
        yield world


async def test_i1_killed_twenty_times(world: IndexingWorld) -> None:
    """I1: an indexer killed with -9 in the middle of its batches, twenty times: every record is one document."""
    sent, kills = Sent("i1"), 0
    async with world.stream(sent):
        while kills < 20:
            async with world.indexer() as indexer:
                before = await world.metric(indexer, "pailou_indexer_docs_total", result="created")
                async with asyncio.timeout(60):
                    while await world.metric(indexer, "pailou_indexer_docs_total", result="created") == before:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(random.uniform(0, 0.3))
                indexer.kill()
                kills += 1
    async with world.indexer():
        figures = await world.settle(sent)
    report("I1", **figures, kills=kills)


async def test_q7_stuck_past_the_brokers_patience(world: IndexingWorld) -> None:
    """Q7: batches that cannot be stored are given back before the broker takes the channel away, and come again."""
    sent = Sent("q7")

    async def busy(proxy: StoreProxy, items: Items) -> web.Response:
        return web.json_response({"error": {"type": "busy", "reason": "because the row says so"}}, status=503)

    async with world.indexer(PAILOU_LOG_HOLD_S=str(HOLD_S)) as indexer:
        async with world.stream(sent):
            await asyncio.sleep(world.times.before_s)
            world.proxy.bulk = busy
            await asyncio.sleep(max(FAULT_S, world.times.fault_s))
            world.proxy.bulk = None
            await asyncio.sleep(world.times.after_s)
        figures = await world.settle(sent)
        given_back = await world.metric(indexer, "pailou_indexer_redeliveries_total")
    assert given_back > 0
    assert "the channel to RabbitMQ was lost" not in indexer.words.read_text()
    report("Q7", **figures, given_back=round(given_back), broker_waits_s=BROKER_WAITS_S, stuck_s=FAULT_S)
