"""Admission counters outlive a Redis that loses them: kept in SQL, put back before gateways trust it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from admin_api.outbox.counters import CounterKeeping
from admin_api.outbox.relay import COMPLETE_CHECK_S
from admin_api.settings import AdminSettings
from admin_api.tables.counters import quota_counter
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.records import QuotaRequest
from tests.admin_world import ZONE, World, open_world
from tests.servers.redis import flush
from tests.waiting import PATIENCE_S, until


@pytest.fixture
async def world(settings: AdminSettings, clean_redis_url: str) -> AsyncIterator[World]:
    """Its relay makes a pass when the test says so."""
    async with open_world(replace(settings, redis_url=clean_redis_url), None, with_relay=False) as opened:
        await opened.resources.relay.relay()
        yield opened


@pytest.fixture
async def redis(world: World) -> AsyncIterator[RedisClient]:
    async with open_redis(world.settings.redis_url, None, timeout_s=PATIENCE_S) as client:
        yield client


async def use(redis: RedisClient, world: World, app_key: str, calls: int) -> int:
    """So many calls of an app; what it has used today then."""
    quota = RedisQuotaCounter(redis, world.clock, ZONE)
    ask = QuotaRequest(
        app_key=app_key, api_name="open.a.get", daily_limit=1000, minute_limit=None, api_daily_limit=1000
    )
    verdicts = [await quota.admit(ask) for _ in range(calls)]
    return verdicts[-1].day_used


async def test_a_new_store_is_made_ready(settings: AdminSettings) -> None:
    """The relay restores the counters of an empty Redis, and by the time the catalogue is complete gateways may count."""
    async with open_world(settings, Embedded()) as world:
        await until(world.resources.catalog_writer.is_complete)
        assert await world.resources.counters.is_complete()


async def test_counters_come_back_after_redis_lost_them(world: World, redis: RedisClient) -> None:
    """What was kept last is what the day goes on from, for apps and APIs; the newest figures win in SQL."""
    keeping = CounterKeeping(world.database, world.resources.counters)
    await use(redis, world, "busy", 5)
    assert await keeping.keep() == 2
    assert await use(redis, world, "busy", 2) == 7
    await use(redis, world, "other", 1)
    await keeping.keep()
    rows = {(row["kind"], row["name"]): row["day_used"] for row in await world.rows(quota_counter)}
    assert rows == {("api", "open.a.get"): 8, ("app", "busy"): 7, ("app", "other"): 1}
    await asyncio.to_thread(flush, world.settings.redis_url)
    assert await keeping.keep() == 0  # what an empty Redis counts must not replace what is kept
    world.clock.ahead_s += COMPLETE_CHECK_S
    await world.resources.relay.relay()
    assert await use(redis, world, "busy", 1) == 8
    assert await use(redis, world, "other", 1) == 2


async def test_old_counters_are_forgotten(world: World, redis: RedisClient) -> None:
    """A counter that counted nothing for two days is not kept on."""
    old = {"kind": "app", "name": "gone", "day": "20010101", "day_used": 9, "last_s": 1_000, "minute_used": 0}
    async with world.database.begin() as connection:
        await connection.execute(quota_counter.insert().values(old))
    await use(redis, world, "busy", 1)
    await CounterKeeping(world.database, world.resources.counters).keep()
    assert [row["name"] for row in await world.rows(quota_counter)] == ["open.a.get", "busy"]
