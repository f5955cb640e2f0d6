"""Promises of ApiRanking."""

from datetime import date

from openplatform.adapters.ranking_redis import RedisApiRanking
from openplatform.adapters.redis_client import RedisClient
from openplatform.adapters.redis_keys import RANK_PREFIX


async def test_most_called_first_and_bounded(redis_client: RedisClient) -> None:
    """The day's most called APIs come first, as many as asked for, ties by name; other days do not count."""
    await redis_client.zadd(f"{RANK_PREFIX}20260731", {"open.a": 3, "open.c": 10, "open.b": 3, "open.d": 1})
    await redis_client.zadd(f"{RANK_PREFIX}20260730", {"open.z": 99})
    ranking = RedisApiRanking(redis_client)
    assert list(await ranking.top(date(2026, 7, 31), 3)) == [("open.c", 10), ("open.a", 3), ("open.b", 3)]
    assert list(await ranking.top(date(2026, 7, 31), 0)) == []


async def test_a_day_without_calls_is_empty(redis_client: RedisClient) -> None:
    """A day that nobody called on has no ranking."""
    assert list(await RedisApiRanking(redis_client).top(date(2026, 1, 1), 10)) == []
