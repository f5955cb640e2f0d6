"""The counters as a whole: nothing is admitted before they are complete, and what was kept outside comes back."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from openplatform.adapters.quota_redis import STORE_REST_S, RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_keys import ADMISSION_SENTINEL, APP_QUOTA_PREFIX
from openplatform.errors import PlatformUnavailable
from openplatform.records import CounterState, QuotaRequest
from openplatform.web import SystemClock
from tests.servers import Redis

ZONE = ZoneInfo("Asia/Shanghai")


def ask(app_key: str = "app", **limits: int) -> QuotaRequest:
    values: dict[str, int | None] = {"daily_limit": None, "minute_limit": None, **limits}
    return QuotaRequest(app_key=app_key, api_name="open.a.get", **values)


def counter(client: RedisClient) -> RedisQuotaCounter:
    return RedisQuotaCounter(client, SystemClock(), ZONE)


async def test_a_new_store_admits_nothing(redis_client: RedisClient) -> None:
    """Before the first restore the store counts as down; after it calls are counted, from a second later at the latest."""
    quota, snapshot = counter(redis_client), RedisQuotaSnapshot(redis_client)
    assert not await snapshot.is_complete()
    with pytest.raises(PlatformUnavailable):
        await quota.admit(ask())
    await snapshot.restore([])
    assert await snapshot.is_complete()
    await asyncio.sleep(STORE_REST_S + 0.1)
    assert (await quota.admit(ask())).day_used == 1


async def test_what_was_counted_comes_back(redis_client: RedisClient) -> None:
    """Day and minute of app, API and grant survive the loss of all keys: not one call more than the limits is let through."""
    quota, snapshot = counter(redis_client), RedisQuotaSnapshot(redis_client)
    await snapshot.restore([])
    limits = {"minute_limit": 50, "api_minute_limit": 7, "grant_daily_limit": 30}
    for _ in range(5):
        assert (await quota.admit(ask(daily_limit=100, **limits))).admitted
    kept = await snapshot.changed(0)
    assert {(s.kind, s.name, s.day_used, s.minute_used) for s in kept.states} == {
        ("app", "app", 5, 5), ("api", "open.a.get", 5, 5), ("app-api", "app:open.a.get", 5, 5)
    }  # fmt: skip
    await redis_client.flushdb()
    assert not await snapshot.is_complete()
    await snapshot.restore(kept.states)
    verdicts = [await quota.admit(ask(daily_limit=100, **limits)) for _ in range(5)]
    assert [v.rule for v in verdicts] == ["", ""] + ["api-minute"] * 3
    assert verdicts[1].day_used == 7
    assert (await quota.used(["app"]))[0].minute_used == 7


async def test_what_was_counted_since_stays(redis_client: RedisClient) -> None:
    """An old snapshot takes nothing away: the larger count of the newer day stands."""
    quota, snapshot = counter(redis_client), RedisQuotaSnapshot(redis_client)
    await snapshot.restore([])
    await quota.admit(ask(daily_limit=9))
    old = (await snapshot.changed(0)).states
    yesterday = CounterState(kind="app", name="app", day="20000101", day_used=999, last_s=1, minute_used=99)
    for _ in range(3):
        await quota.admit(ask(daily_limit=9))
    await snapshot.restore([*old, yesterday])
    use = (await quota.used(["app"]))[0]
    assert (use.day_used, use.minute_used) == (4, 4)


async def test_only_what_counted_is_read_again(redis_client: RedisClient) -> None:
    """A snapshot is of the counters that counted since the last one."""
    quota, snapshot = counter(redis_client), RedisQuotaSnapshot(redis_client)
    await snapshot.restore([])
    await quota.admit(ask("early"))
    taken = (await snapshot.changed(0)).taken_at_s
    assert [s.name for s in (await snapshot.changed(taken)).states] == ["early"]
    assert (await snapshot.changed(taken + 60)).states == ()


async def test_many_counters(redis_client: RedisClient) -> None:
    """More than go into one script, there and back."""
    quota, snapshot = counter(redis_client), RedisQuotaSnapshot(redis_client)
    await snapshot.restore([])
    await asyncio.gather(*(quota.admit(ask(f"app{n}")) for n in range(1200)))
    states = (await snapshot.changed(0)).states
    await redis_client.flushdb()
    await snapshot.restore(states)
    assert len(states) == 1200
    assert await redis_client.hget(f"{APP_QUOTA_PREFIX}app1199", "used") == b"1"


async def test_another_run_of_the_server_is_noticed(own_server) -> None:
    """Redis that was started again is not complete, whatever it has on its disk, until the counters have been merged."""
    server = own_server(Redis)
    async with open_redis(server.url, None) as client:
        await RedisQuotaSnapshot(client).restore([])
        sentinel = await client.dump(ADMISSION_SENTINEL)
    server.kill()
    server.start()
    async with open_redis(server.url, None) as client:
        await client.restore(ADMISSION_SENTINEL, 0, sentinel)  # as if it had been on its disk
        assert not await RedisQuotaSnapshot(client).is_complete()
        await RedisQuotaSnapshot(client).restore([])
        assert await RedisQuotaSnapshot(client).is_complete()
