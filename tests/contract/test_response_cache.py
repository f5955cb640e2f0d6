"""Every ResponseCache keeps answers for their time, tells one of those who miss to ask, and frees that place again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.adapters.redis_wire import RedisWire
from openplatform.adapters.response_cache_redis import RedisResponseCache
from openplatform.errors import PlatformUnavailable
from openplatform.ports import ResponseCache
from openplatform.records import CacheFind
from openplatform.web import SystemClock
from tests.contract.conftest import PATIENT_S

BODY = '{"名":"\u0000"}'.encode() + b"\xff" * 10


@pytest.fixture(params=["fakeredis", "redis", "wire"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[ResponseCache]:
    url = "memory://" if request.param == "fakeredis" else request.getfixturevalue("clean_redis_url")
    wire = RedisWire(url, timeout_s=PATIENT_S) if request.param == "wire" else None
    async with open_redis(url, Embedded(), timeout_s=PATIENT_S) as client:
        yield RedisResponseCache(client, SystemClock(), wire=wire)
    if wire is not None:
        wire.close()


async def look(
    cache: ResponseCache, by: str = "r", *, key: str = "k", stale_s: int = 60, hold_ms: int = 60_000
) -> CacheFind:
    return await cache.look(key, by=by, stale_s=stale_s, hold_ms=hold_ms)


async def test_what_is_kept_is_found(cache: ResponseCache) -> None:
    """Byte for byte, by everybody, under its own key only."""
    assert await look(cache) == CacheFind(body=b"", is_fresh=False, is_ours=True)
    await cache.keep("k", BODY, by="r", ttl_s=60, stale_s=60)
    assert await look(cache, "other") == CacheFind(body=BODY, is_fresh=True, is_ours=False)
    assert (await look(cache, key="another")).body == b""


async def test_one_of_those_who_miss_asks(cache: ResponseCache) -> None:
    """Until it keeps an answer, or leaves without one, or takes too long; somebody else's leaving changes nothing."""
    finds = await asyncio.gather(*(look(cache, f"r{n}") for n in range(50)))
    assert sum(find.is_ours for find in finds) == 1
    winner = next(f"r{n}" for n, find in enumerate(finds) if find.is_ours)
    await cache.leave("k", by="somebody")
    assert not (await look(cache, "late")).is_ours
    await cache.leave("k", by=winner)
    assert (await look(cache, "late", hold_ms=100)).is_ours
    async with asyncio.timeout(30):
        while not (await look(cache, "later")).is_ours:
            await asyncio.sleep(0.02)


async def test_past_its_time_an_answer_is_stale_then_gone(cache: ResponseCache) -> None:
    """Stale: it is there, and one of those who look is told to ask for a new one."""
    await cache.keep("k", BODY, by="r", ttl_s=2, stale_s=2)
    assert (await look(cache, stale_s=2)).is_fresh
    async with asyncio.timeout(30):
        while (find := await look(cache, "first", stale_s=2)).is_fresh:
            await asyncio.sleep(0.05)
        assert (find.body, find.is_ours) == (BODY, True)
        assert await look(cache, "second", stale_s=2) == CacheFind(body=BODY, is_fresh=False, is_ours=False)
        while (await look(cache, stale_s=2)).body:
            await asyncio.sleep(0.1)


async def test_no_stale_time_is_fine(cache: ResponseCache) -> None:
    """With stale_s 0 an answer is fresh until it is gone."""
    await cache.keep("k", BODY, by="r", ttl_s=60, stale_s=0)
    assert (await look(cache, stale_s=0)).is_fresh


async def test_a_store_that_is_away_is_left_alone_for_a_while() -> None:
    """PlatformUnavailable, the next times at once."""
    async with open_redis("redis://127.0.0.1:1/0", None, timeout_s=0.2) as client:
        cache = RedisResponseCache(client, SystemClock())
        with pytest.raises(PlatformUnavailable):
            await look(cache)
        with pytest.raises(PlatformUnavailable, match="resting"):
            await cache.keep("k", BODY, by="r", ttl_s=1, stale_s=1)
