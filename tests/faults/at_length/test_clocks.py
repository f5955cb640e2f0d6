"""Rows C1, C2 and C3: clocks that are wrong, midnight, and a clock that goes back; limits count by Redis' clock and lose nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from openplatform.adapters.ranking_redis import RedisApiRanking
from tests.faults.faked_time import FakedRedis, faked
from tests.faults.load import Kind
from tests.faults.report import report
from tests.faults.world import FaultWorld, app, open_fault_world
from tests.processes import serve
from tests.servers import Redis, free_port
from tests.servers.pool import ServerPool

LIMITED = 7
OUT_OF_WINDOW = 31
HOUR_S = 3600
ZONE = ZoneInfo("America/New_York")
AFTER_A_SHORT_DAY = datetime(2026, 3, 9, tzinfo=ZONE)
"""The midnight that ends a day of 23 hours: clocks were set forward on 8 March."""


@asynccontextmanager
async def faked_redis(servers: ServerPool, offset_s: float) -> AsyncIterator[FakedRedis]:
    """A Redis of the test's own with its clock ahead."""
    redis = servers.make(FakedRedis)
    redis.turn(offset_s)
    await asyncio.to_thread(redis.start)
    try:
        yield redis
    finally:
        redis.close()


async def test_c1_gateway_clocks_are_an_hour_off(durable_redis: Redis, vhost: str, folder: Path) -> None:
    """C1: gateways an hour ahead and behind count limits as the others do, are not ready, say by how much, and refuse right timestamps."""
    limit = 300
    apps = [app(), app("limited", number=2, minute_limit=limit)]
    environ = {"PAILOU_WHEN_LIMITS_UNAVAILABLE": "deny"}
    async with open_fault_world(durable_redis, vhost, folder, apps=apps, workers=1, environ=environ) as world:
        ahead = serve("gateway", free_port(), {**world.environ, **faked(HOUR_S)}, folder, ready_path="/healthz")
        behind = serve("gateway", free_port(), {**world.environ, **faked(-HOUR_S)}, folder, ready_path="/healthz")
        async with ahead as ahead, behind as behind, httpx.AsyncClient(trust_env=False) as http:
            skews = []
            for gateway, shift_s in ((ahead, HOUR_S), (behind, -HOUR_S)):
                readiness = await http.get(f"{gateway.url}/readyz")
                skews.append(await world.metric("pailou_clock_skew_seconds", port=gateway.port))
                assert readiness.status_code == 503
                assert "s from Redis'" in readiness.json()["checks"]["clock"], readiness.text
                assert abs(skews[-1] - shift_s) < 2
            loads = []
            for gateway, shift_s in ((world.gateway, 0), (ahead, HOUR_S), (behind, -HOUR_S)):
                load = world.begin(
                    Kind(app_key="limited", clock_shift_s=shift_s), rate=100.0, concurrency=15, fresh=not loads
                )
                load.ports = [gateway.port]
                loads.append(load)
            async with loads[0].running(), loads[1].running(), loads[2].running():
                await asyncio.sleep(min(world.times.fault_s, 10.0))
            ledger = world.ledger
            assert {entry.code for entry in ledger.calls()} <= {0, LIMITED, 10}, ledger.codes()
            assert ledger.admitted() <= limit
            assert await world.day_used("limited") == limit
            admitted = ledger.admitted()
            load = world.begin(rate=50.0)
            load.ports = [ahead.port, behind.port]
            async with load.running():
                await asyncio.sleep(0.5)
            assert {entry.code for entry in world.ledger.calls()} == {OUT_OF_WINDOW}, world.ledger.codes()
        report("C1", overshoot=max(0, admitted - limit), skews_s=" ".join(f"{skew:+.0f}" for skew in skews))


async def test_c2_midnight(servers: ServerPool, vhost: str, folder: Path) -> None:
    """C2: at midnight of the platform's zone, after a day of 23 hours, each day has its own limit, sum and ranking, once."""
    times_s = 4.0
    limit = 150
    offset_s = round(AFTER_A_SHORT_DAY.timestamp() - time.time())
    async with faked_redis(servers, offset_s - HOUR_S) as redis:
        apps = [app(), app("limited", number=2, daily_limit=limit)]
        environ = {
            "PAILOU_TIME_ZONE": "America/New_York",
            "PAILOU_WHEN_LIMITS_UNAVAILABLE": "deny",
            **faked(file=redis.clock),
        }
        async with open_fault_world(redis, vhost, folder, apps=apps, workers=1, environ=environ) as world:
            offset_s = round(AFTER_A_SHORT_DAY.timestamp() - times_s - time.time())
            redis.turn(offset_s)
            kinds = [Kind(clock_shift_s=offset_s), Kind(app_key="limited", clock_shift_s=offset_s)]
            load = world.begin(*kinds)
            async with load.running():
                await until(world, AFTER_A_SHORT_DAY + timedelta(seconds=times_s))
            await world.records.settle()
            ranking = RedisApiRanking(world.client)
            days = [date(2026, 3, 8), date(2026, 3, 9)]
            ranked = [dict(await ranking.top(day, 10)).get("open.echo.get", 0) for day in days]
            used_today = await world.day_used("limited", ZONE)
    ledger, verdict = world.ledger, world.ledger.check()
    assert {entry.code for entry in ledger.calls()} <= {0, LIMITED, 10}, ledger.codes()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
    busy = sum(entry.code == 10 for entry in ledger.calls())
    assert all(ranked)
    assert 0 <= sum(ranked) - ledger.admitted() <= busy
    limited = [entry for entry in ledger.calls() if entry.app_key == "limited" and entry.code == 0]
    assert used_today == limit
    assert 2 * limit - busy <= len(limited) <= 2 * limit
    report("C2", before_midnight=ranked[0], after_midnight=ranked[1], of_a_limit_of_150_twice=len(limited), busy=busy)


async def test_c3_redis_clock_goes_back(servers: ServerPool, vhost: str, folder: Path) -> None:
    """C3: when Redis' clock goes back by 90 s no limit opens a second time, and whoever has calls left goes on."""
    limit = 150
    async with faked_redis(servers, 0) as redis:
        apps = [app(), app("limited", number=2, minute_limit=limit)]
        environ = {"PAILOU_WHEN_LIMITS_UNAVAILABLE": "deny"}
        async with open_fault_world(redis, vhost, folder, apps=apps, workers=2, environ=environ) as world:
            load = world.begin(Kind(), Kind(app_key="limited"))
            async with load.running():
                await asyncio.sleep(max(2.5, min(world.times.before_s, 10.0)))
                redis.turn(-90)
                load.enter("fault")
                # Less than a minute in all: in it the limit may be used once.
                await asyncio.sleep(min(world.times.fault_s, 20.0))
                await asyncio.sleep(min(world.times.after_s, 10.0))
            await world.records.settle()
            used, limited_used = await world.day_used("caller"), await world.day_used("limited")
            stepped = float((await world.client.time())[0])
    ledger, verdict = world.ledger, world.ledger.check()
    assert abs(time.time() - 90 - stepped) < 10
    assert {entry.code for entry in ledger.calls()} <= {0, LIMITED, 10}, ledger.codes()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
    busy = sum(entry.code == 10 for entry in ledger.calls())
    free = [entry for entry in ledger.calls() if entry.app_key == "caller"]
    limited = sum(entry.code == 0 for entry in ledger.calls() if entry.app_key == "limited")
    assert limited <= limited_used == limit
    assert {entry.code for entry in free} <= {0, 10}, "an app with calls left was blocked"
    assert 0 <= used - sum(entry.code == 0 for entry in free) <= busy
    report("C3", overshoot=max(0, limited - limit), blocked=0, calls=len(free))


async def until(world: FaultWorld, moment: datetime) -> None:
    """Waits until Redis' clock says so."""
    while True:
        seconds, microseconds = await world.client.time()
        left_s = moment.timestamp() - seconds - microseconds / 1e6
        if left_s <= 0:
            return
        await asyncio.sleep(min(left_s, 0.5))
