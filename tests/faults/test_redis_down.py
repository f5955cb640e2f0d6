"""Rows R1, R2 and R3: Redis dies, hangs, or is slow, and calls go on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from tests.faults.ledger import BUSY, IDENTITY_CODES, latency_ms, now
from tests.faults.load import Kind, Load
from tests.faults.report import report
from tests.faults.times import LATE_S
from tests.faults.world import SESSION, FaultWorld, descriptors, open_fault_world, route, workers_of
from tests.servers import Redis
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")
DEADLINE_MS = 10_000
"""The service is well in these rows, and shares a process with the load: a busy machine must not make it late."""
ROOM_S = 10
"""For a machine on which processes wait for their turn: 3.5 s were seen at five times its cores in load."""
KINDS = (Kind(), Kind("open.mine.get", session=SESSION))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """Two gateway processes that go on without Redis, each within its share of the limits."""
    routes = [route(timeout_ms=DEADLINE_MS), route("open.mine.get", needs_session=True, timeout_ms=DEADLINE_MS)]
    async with open_fault_world(durable_redis, vhost, folder, routes=routes, proxied=True) as world:
        yield world


async def counting_again(world: FaultWorld, since: float) -> float:
    """Seconds since that moment until both processes count in Redis again: it runs their scripts."""
    before = await world.scripts_run()
    async with asyncio.timeout(PATIENCE_S):
        while await world.scripts_run() < before + 20:
            await asyncio.sleep(0.02)
    return now() - since


def calls_went_on(world: FaultWorld, load: Load) -> None:
    """Nobody is refused, nobody is called a stranger, nothing is done twice, every answer has its record."""
    ledger = world.ledger
    codes = {entry.code for entry in ledger.calls()}
    assert not codes & IDENTITY_CODES, ledger.codes()
    assert codes <= {0, BUSY}, ledger.codes()
    verdict = ledger.check()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0), ledger.codes()
    # Most of them not at all; a busy machine holds up a few.
    assert latency_ms(ledger.calls("fault"), 0.5) < 1000
    assert max(entry.took_s for entry in ledger.calls()) < DEADLINE_MS / 1000 + LATE_S


async def test_r1_redis_is_killed(world: FaultWorld) -> None:
    """R1: apps, routes and known sessions go on without Redis, within local limits; it is used again 2 s after it is back."""
    load = world.begin(*KINDS)
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        await asyncio.to_thread(world.redis.kill)
        await asyncio.sleep(world.times.fault_s)
        await asyncio.to_thread(world.redis.start)
        async with open_redis(world.redis.url, None, timeout_s=PATIENCE_S) as client:
            await RedisQuotaSnapshot(client).restore([])  # admin_api's part
        began = load.enter("after")
        recovery_s = await counting_again(world, began)
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    calls_went_on(world, load)
    assert recovery_s < 2 + ROOM_S
    ledger = world.ledger
    report(
        "R1", errors=sum(e.code != 0 for e in ledger.calls()), p99_before_ms=latency_ms(ledger.calls("before")),
        p99_without_ms=latency_ms(ledger.calls("fault")), recovery_s=round(recovery_s, 2),
    )  # fmt: skip


async def test_r2_redis_hangs(world: FaultWorld) -> None:
    """R2: a Redis that accepts and never answers costs a call 50 ms at most, and after the first nothing."""
    load = world.begin(*KINDS)
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        world.redis.pause()
        await asyncio.sleep(world.times.fault_s)
        world.redis.resume()
        began = load.enter("after")
        recovery_s = await counting_again(world, began)
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    calls_went_on(world, load)
    assert recovery_s < 2 + ROOM_S
    ledger = world.ledger
    report(
        "R2", errors=sum(e.code != 0 for e in ledger.calls()), p50_before_ms=latency_ms(ledger.calls("before"), 0.5),
        p50_hung_ms=latency_ms(ledger.calls("fault"), 0.5), max_hung_ms=latency_ms(ledger.calls("fault"), 1.0),
        recovery_s=round(recovery_s, 2),
    )  # fmt: skip


async def test_r3_redis_is_slow(world: FaultWorld) -> None:
    """R3: 200 ms on every reply pile up neither calls nor descriptors, and refuse nobody."""
    load = world.begin(*KINDS)
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        base = [descriptors(pid) for pid in workers_of(world.gateway)]
        load.enter("fault")
        world.proxy.delay_s = 0.2
        most = list(base)
        ends = now() + world.times.fault_s
        while now() < ends:
            await asyncio.sleep(0.1)
            most = [max(m, descriptors(pid)) for m, pid in zip(most, workers_of(world.gateway), strict=True)]
        world.proxy.delay_s = 0.0
        began = load.enter("after")
        recovery_s = await counting_again(world, began)
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    calls_went_on(world, load)
    assert all(at_most <= 2 * at_first for at_most, at_first in zip(most, base, strict=True)), (base, most)
    assert recovery_s < 2 + ROOM_S
    ledger = world.ledger
    report(
        "R3", errors=sum(e.code != 0 for e in ledger.calls()), descriptors=f"{max(base)} → {max(most)}",
        p99_before_ms=latency_ms(ledger.calls("before")), p99_slow_ms=latency_ms(ledger.calls("fault")),
    )  # fmt: skip
