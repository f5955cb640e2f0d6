"""Rows Q6, E8 and I2: poison in the queue, and indexers that die while they index; each record is one document, or a dead letter."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from openplatform.adapters.elasticsearch_bulk import DAY_MS
from tests.faults.indexing import IndexingWorld, Sent, open_indexing_world
from tests.faults.report import report
from tests.faults.store_proxy import Items, StoreProxy, answer_of
from tests.servers import Redis
from tests.unit.log_indexer.parts import lines
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(vhost: str, elasticsearch_url: str, durable_redis: Redis, folder: Path) -> AsyncIterator[IndexingWorld]:
    """An empty store behind a proxy."""
    async with open_indexing_world(vhost, elasticsearch_url, durable_redis.url, folder) as world:
        yield world


async def test_q6_poison_in_the_queue(world: IndexingWorld) -> None:
    """Q6: bad JSON, a record of 2 MB, a wrong type, no text at all: each a dead letter with its reason, after one delivery; what
    came with them in the same batch, and all others, are indexed."""
    sent, poison = Sent("q6"), Sent("q6")
    async with world.indexer() as indexer:
        async with world.stream(sent):
            await asyncio.sleep(world.times.before_s)
            for _ in range(5):
                mate = sent.record()
                batch = b"{not json\n" + lines(
                    poison.record(requestContent="x" * 2_000_000), mate, poison.record(platformRepTime="soon")
                )
                await world.publisher.publish(batch, node="gw-1")
                sent.confirmed[mate["requestId"]] = time.time()
                await world.publisher.publish(b"\xff\xfe nothing but poison", node="gw-1")
            await asyncio.sleep(world.times.after_s)
        figures = await world.settle(sent)

        async def all_aside() -> bool:
            counted = await world.metric(indexer, "pailou_indexer_docs_total", result="deadletter")
            return (await world.metric(indexer, "pailou_dlq_messages"), counted) == (20, 20)

        await until(all_aside)  # a letter lies there before it is counted
        letters = (await world.ask(indexer, "GET", "/dead-letters")).json()["letters"]
        again = await world.metric(indexer, "pailou_indexer_redeliveries_total")
        await world.ask(indexer, "POST", "/dead-letters/replay", json={})  # the next row begins without any
    reasons = [letter["reason"] for letter in letters]
    for said in ("longer than 65536 bytes", "platformRepTime", "malformed", "undecodable"):
        assert sum(said in reason for reason in reasons) >= 5, (said, reasons)
    assert again == 0
    report("Q6", **figures, dead_letters=len(letters), redelivered=round(again))


async def test_e8_a_redelivery_across_midnight(world: IndexingWorld) -> None:
    """E8: an indexer is killed between the store's reply and the acknowledgement, around midnight UTC: what comes again goes to the
    index of the day of its receipt, where it is already."""
    sent = Sent("e8")
    midnight_ms = int(time.time() * 1000) // DAY_MS * DAY_MS
    records = [sent.record(midnight_ms + offset_ms) for offset_ms in range(-500, 500)]
    stored = asyncio.Event()

    async def never_says(proxy: StoreProxy, items: Items) -> web.Response:
        answer = await proxy.send(items)
        if any(one.startswith("e8-") for one, _ in items):
            stored.set()
            await asyncio.sleep(3600)
        return answer_of(answer)

    async with world.indexer() as killed:
        world.proxy.bulk = never_says
        for start in range(0, len(records), 100):
            await world.publish(sent, records[start : start + 100])
        async with asyncio.timeout(60):
            await stored.wait()
        killed.kill()
    world.proxy.bulk = None
    async with world.indexer():
        figures = await world.settle(sent)
    counts = {}
    for name, low, high in (("before", midnight_ms - 500, midnight_ms), ("after", midnight_ms, midnight_ms + 500)):
        day = time.strftime("%Y.%m.%d", time.gmtime(low / 1000))
        query = {"bool": {"filter": [
            {"prefix": {"requestId": "e8-"}},
            {"range": {"receiveTime": {"gte": low, "lt": high, "format": "epoch_millis"}}},
        ]}}  # fmt: skip
        answer = await world.http.post(f"/gateway-log-{day}/_count", json={"query": query})
        counts[name] = answer.json()["count"]
    assert counts == {"before": 500, "after": 500}
    report("E8", **figures, before_midnight=counts["before"], after_midnight=counts["after"])


async def test_i2_one_of_two_indexers_is_killed(world: IndexingWorld) -> None:
    """I2: two indexers share the records; one is killed while it indexes, the other takes over what it held and catches up."""
    sent = Sent("i2")
    world.proxy.bulk = None
    async with world.indexer() as one, world.indexer() as other, world.stream(sent):
        await asyncio.sleep(world.times.before_s)

        async def both_work() -> bool:
            created = [await world.metric(it, "pailou_indexer_docs_total", result="created") for it in (one, other)]
            return min(created) > 0

        await until(both_work)
        one.kill()
        killed_at, behind = time.monotonic(), set(sent.confirmed)

        async def caught_up() -> bool:
            return behind <= (await world.stored(sent)).keys()

        await until(caught_up)
        catch_up_s = time.monotonic() - killed_at
        await asyncio.sleep(world.times.after_s)
    async with world.indexer():
        figures = await world.settle(sent)
    assert catch_up_s < 30
    report("I2", **figures, caught_up_s=round(catch_up_s, 2))
