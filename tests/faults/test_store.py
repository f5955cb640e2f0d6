"""Rows E1 to E7: Elasticsearch is away, half broken, busy, full, cut off or strict; each record that the broker has confirmed is one
document, or a dead letter with its reason."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.faults.indexing import IndexingWorld, Sent, open_indexing_world
from tests.faults.report import report
from tests.faults.store_proxy import Items, StoreProxy, answer_of, failed
from tests.faults.times import RATE
from tests.processes import Running
from tests.servers import Redis
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOM_S = 10
"""For a busy machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(vhost: str, elasticsearch_url: str, durable_redis: Redis, folder: Path) -> AsyncIterator[IndexingWorld]:
    """An empty store behind a proxy."""
    async with open_indexing_world(vhost, elasticsearch_url, durable_redis.url, folder) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def indexer(world: IndexingWorld) -> AsyncIterator[Running]:
    """One process for all rows."""
    async with world.indexer() as indexer:
        yield indexer


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def passes(world: IndexingWorld) -> None:
    """Each row begins with a proxy that passes everything on, and counts anew."""
    world.proxy.bulk = None
    world.proxy.attempts.clear()
    world.proxy.bulks.clear()


async def all_is_well(indexer: Running, world: IndexingWorld) -> None:
    """Waits until /readyz says so."""

    async def ready() -> bool:
        return (await world.http.get(f"{indexer.url}/readyz")).status_code == 200

    await until(ready)


async def test_e1_the_store_refuses_connections(world: IndexingWorld, indexer: Running) -> None:
    """E1: the queue holds what comes, a search says busy, the lag grows and says so, a monitor says within a minute that it is blind;
    afterwards it catches up."""
    sent = Sent("e1")
    every_s = 60 if world.times.is_full else 2  # the product's own minute, or a short one
    async with world.monitor(indexer, every_s=every_s) as monitor, world.stream(sent):

        async def runs(result: str) -> float:
            return await world.metric(monitor, "pailou_monitor_runs_total", result=result)

        async def sees() -> bool:
            return await runs("evaluated") > 0

        async def blind() -> bool:
            return await runs("blind") > before

        await asyncio.sleep(world.times.before_s)
        await until(sees)  # on a busy machine the first looks may find the stream's beginning too far behind
        before = await runs("blind")
        await world.proxy.shut()
        shut_at = time.monotonic()
        await until(blind)
        blind_s = time.monotonic() - shut_at
        await until(lambda: any("看不到调用日志" in mail.read_text() for mail in world.mails.glob("*.eml")))
        await asyncio.sleep((60 if world.times.is_full else world.times.fault_s) - (time.monotonic() - shut_at))
        now_ms = int(time.time() * 1000)
        search = await world.ask(indexer, "GET", "/logs", params={"from_ms": now_ms - 1000, "to_ms": now_ms})
        lag = (await world.ask(indexer, "GET", "/lag")).json()
        assert (search.status_code, search.json()["sub_code"]) == (503, "isp.platform-unavailable")
        assert lag["lag_s"] > world.times.fault_s / 2
        await world.proxy.open()
        created = await world.metric(indexer, "pailou_indexer_docs_total", result="created")
        behind = len(sent.confirmed)

        async def begun() -> bool:
            return await world.metric(indexer, "pailou_indexer_docs_total", result="created") > created

        async def caught_up() -> bool:
            return await world.metric(indexer, "pailou_indexer_docs_total", result="created") >= behind

        await until(begun)
        began = time.monotonic()
        await until(caught_up)
        took_s = time.monotonic() - began
        await asyncio.sleep(world.times.after_s)
    figures = await world.settle(sent)
    assert blind_s < 60 + ROOM_S
    report("E1", **figures, blind_s=round(blind_s, 1), lag_s=round(lag["lag_s"], 1), caught_up_s=round(took_s, 2),
           times_inflow=round((behind - created) / max(took_s, 0.1) / RATE, 1))  # fmt: skip


async def test_e2_some_shards_are_away(world: IndexingWorld, indexer: Running) -> None:
    """E2: only the records of shards that are away are sent again, however long it lasts; the others were sent once."""
    sent, bad = Sent("e2"), set[str]()

    async def every_third(proxy: StoreProxy, items: Items) -> web.Response:
        hit = {one for one, _ in items if int(one.rpartition("-")[2]) % 3 == 0}
        bad.update(hit)
        stored = iter(await proxy.send([item for item in items if item[0] not in hit]))
        return answer_of([
            failed(503, "unavailable_shards_exception") if one in hit else next(stored) for one, _ in items
        ])  # fmt: skip

    async with world.stream(sent):
        await asyncio.sleep(world.times.before_s)
        world.proxy.bulk = every_third
        await asyncio.sleep(world.times.fault_s)
        await until(lambda: bool(bad))
        world.proxy.bulk = None
        await asyncio.sleep(world.times.after_s)
    figures = await world.settle(sent)
    once = [one for one in sent.confirmed if one not in bad]
    assert bad
    assert {world.proxy.attempts[one] for one in once} == {1}
    report("E2", **figures, held_up=len(bad), most_attempts=max(world.proxy.attempts.values()), attempts_of_others=1)


async def test_e3_records_that_the_mapping_refuses(world: IndexingWorld, indexer: Running) -> None:
    """E3: of n records exactly the k that fit nowhere are dead letters with the reason; once the mapping is mended, a replay
    indexes them."""
    sent, misfits = Sent("e3"), Sent("e3")
    good = [sent.record() for _ in range(200)]
    bad = [misfits.record(remoteIp=f"nowhere {n}") for n in range(7)]
    mixed = [record for n, record in enumerate(good) for record in ([bad[n], record] if n < 7 else [record])]
    await world.publish(Sent("e3"), mixed)
    sent.confirmed.update(dict.fromkeys((record["requestId"] for record in good), 0.0))
    figures = await world.settle(sent)

    async def letters() -> list[dict[str, Any]]:
        page = (await world.ask(indexer, "GET", "/dead-letters", params={"reason": "nowhere"})).json()
        return list(page["letters"])

    async def all_aside() -> bool:
        return len(await letters()) == 7

    await until(all_aside)
    assert all("failed to parse field [remoteIp]" in letter["reason"] for letter in await letters())
    mended = {"properties": {"remoteIp": {"type": "ip", "ignore_malformed": True}}}
    (await world.http.put("/gateway-log-*/_mapping", json=mended)).raise_for_status()
    replayed = await world.ask(indexer, "POST", "/dead-letters/replay", json={"reason": "nowhere"})
    assert replayed.json() == {"replayed": 7}
    sent.confirmed.update(dict.fromkeys((record["requestId"] for record in bad), 0.0))
    after = await world.settle(sent)
    assert await letters() == []
    report("E3", indexed=figures["records"], dead_letters=7, after_replay=after["records"])


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "items"])
async def test_e4_the_store_is_too_busy(whole: bool, world: IndexingWorld, indexer: Running) -> None:
    """E4: a store that says 429, to requests or to records, is asked less and less often, and everything is stored afterwards."""
    sent = Sent(f"e4{'whole' if whole else 'items'}")

    async def busy(proxy: StoreProxy, items: Items) -> web.Response:
        if whole:
            error = {"type": "es_rejected_execution_exception", "reason": "because the row says so"}
            return web.json_response({"error": error, "status": 429}, status=429)
        return answer_of([failed(429, "es_rejected_execution_exception")] * len(items))

    async with world.stream(sent):
        await asyncio.sleep(world.times.before_s)
        world.proxy.bulk = busy
        world.proxy.attempts.clear()
        world.proxy.bulks.clear()
        began = time.monotonic()
        await asyncio.sleep(world.times.fault_s)
        await until(lambda: bool(world.proxy.bulks))
        world.proxy.bulk = None
        busy_s = time.monotonic() - began
        most, asked = max(world.proxy.attempts.values()), len(world.proxy.bulks)
        await asyncio.sleep(world.times.after_s)
    figures = await world.settle(sent)
    # Waits of 0.1 s and more that double: ten of one record would take a minute and a half.
    assert most <= (4 if whole else 3) + busy_s
    report("E4", **{f"{'whole' if whole else 'items'}_{name}": value for name, value in figures.items()},
           **{f"{'whole' if whole else 'items'}_requests_in_fault": asked})  # fmt: skip


async def test_e5_the_disk_is_at_its_flood_stage(world: IndexingWorld, indexer: Running) -> None:
    """E5: indices that only let themselves be read are an alarm of their own, in /readyz, /metrics and the process log; it ends by
    itself when there is room."""
    sent = Sent("e5")
    block = "/gateway-log-*/_settings"
    async with world.stream(sent):
        await asyncio.sleep(world.times.before_s)
        began = time.monotonic()
        await world.http.put(block, json={"index.blocks.read_only_allow_delete": True})

        async def alarmed() -> bool:  # a bulk of the moment before may still be heard of between two refused ones
            ready = await world.http.get(f"{indexer.url}/readyz")
            said = ready.json()["checks"]["store takes writes"]
            is_counted = await world.metric(indexer, "pailou_log_store_blocked") == 1
            return is_counted and ready.status_code == 503 and "cluster_block_exception" in said

        await until(alarmed)
        alarm_s = time.monotonic() - began
        await asyncio.sleep(world.times.fault_s)
        await world.http.put(block, json={"index.blocks.read_only_allow_delete": None})
        await asyncio.sleep(world.times.after_s)
    figures = await world.settle(sent)
    await all_is_well(indexer, world)
    assert re.search("takes no writes, indexing waits until somebody makes room", indexer.words.read_text())
    assert alarm_s < 60
    report("E5", **figures, alarm_s=round(alarm_s, 2))


async def test_e6_replies_are_lost(world: IndexingWorld, indexer: Running) -> None:
    """E6: what was stored while the reply was cut off is sent again, found there, and acknowledged: no document twice."""
    sent = Sent("e6")

    stored = asyncio.Event()

    async def cutting(proxy: StoreProxy, items: Items) -> None:
        await proxy.send(items)
        stored.set()

    async def found_there() -> float:
        return await world.metric(indexer, "pailou_indexer_docs_total", result="duplicate") - before

    async def any_found() -> bool:
        return await found_there() > 0

    before = await world.metric(indexer, "pailou_indexer_docs_total", result="duplicate")
    async with world.stream(sent):
        await asyncio.sleep(world.times.before_s)
        world.proxy.bulk = cutting
        await asyncio.sleep(world.times.fault_s)
        await until(stored.is_set)
        world.proxy.bulk = None
        await asyncio.sleep(world.times.after_s)
    figures = await world.settle(sent)  # which finds them before the indexer has heard of it
    await until(any_found)
    report("E6", **figures, found_there=round(await found_there()))


async def test_e7_a_bulk_is_too_large(world: IndexingWorld, indexer: Running) -> None:
    """E7: what a proxy in between refuses as too large goes in halves, down to single records."""
    sent = Sent("e7")
    limit = 2_000

    async def small_only(proxy: StoreProxy, items: Items) -> web.Response:
        if sum(len(lines) for _, lines in items) > limit:
            return web.Response(status=413, text="<html>too large</html>")
        return answer_of(await proxy.send(items))

    async with world.stream(sent):
        await asyncio.sleep(world.times.before_s)
        world.proxy.bulk = small_only
        await asyncio.sleep(world.times.fault_s)
        world.proxy.bulk = None
        await asyncio.sleep(world.times.after_s)
    figures = await world.settle(sent)
    assert any(size <= limit for size in world.proxy.bulks)
    report("E7", **figures, largest_bytes=max(world.proxy.bulks), smallest_bytes=min(world.proxy.bulks))
