"""Every limit and every balance is exact over four processes that press at the same time."""

import asyncio
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import redis

from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from openplatform.adapters.redis_keys import BALANCE_PREFIX, RANK_PREFIX
from openplatform.jobs import end
from openplatform.records import QuotaRequest
from tests.e2e.counting import press, spend, wait_for_all
from tests.noon import ZONE
from tests.waiting import PATIENCE_S

PROCESSES = 4
PRESS_S = 4.0
LIMIT = 300
PER_SECOND = 50


def request(kind: str, *, daily: int | None = None, minute: int | None = None, **limits: int) -> QuotaRequest:
    return QuotaRequest(
        app_key=f"app-{kind}", api_name=f"open.{kind}.get", daily_limit=daily, minute_limit=minute, **limits
    )


REQUESTS = {
    "day": request("day", daily=LIMIT),
    "minute": request("minute", minute=LIMIT),
    "api-second": request("api-second", api_second_limit=PER_SECOND),
    "api-minute": request("api-minute", api_minute_limit=LIMIT),
    "api-day": request("api-day", api_daily_limit=LIMIT),
    "app-api-day": request("app-api-day", grant_daily_limit=LIMIT),
    "app-api-minute": request("app-api-minute", grant_minute_limit=LIMIT),
}


def processes() -> ProcessPoolExecutor:
    """They begin their work at the same time, however long the last of them takes to start."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(PROCESSES, context, initializer=wait_for_all, initargs=(context.Barrier(PROCESSES),))


async def test_no_rule_lets_one_call_too_many_through(clean_redis_url: str) -> None:
    """4 processes × 10 callers of each rule: each limit is reached and not passed, and the ranking is what was admitted."""
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as client:
        await RedisQuotaSnapshot(client).restore([])
    loop = asyncio.get_running_loop()
    with processes() as pool, redis.Redis.from_url(clean_redis_url) as server:
        pressed = await asyncio.gather(
            *(loop.run_in_executor(pool, press, clean_redis_url, ZONE.key, REQUESTS, PRESS_S) for _ in range(PROCESSES))
        )
        tallies, began, ended = zip(*pressed, strict=True)
        seconds = int(max(ended)) - int(min(began)) + 1
        ranked = sum(
            score for key in server.keys(RANK_PREFIX + "*") for _, score in server.zrange(key, 0, -1, withscores=True)
        )
    total = {kind: sum((Counter(tally[kind]) for tally in tallies), Counter()) for kind in REQUESTS}
    assert {kind for kind, rules in total.items() if set(rules) != {"", kind}} == set()  # all pressed past their limit
    admitted = {kind: rules[""] for kind, rules in total.items()}
    per_second = admitted.pop("api-second")
    assert admitted == dict.fromkeys(admitted, LIMIT)
    assert PER_SECOND < per_second <= PER_SECOND * seconds
    assert ranked == sum(admitted.values()) + per_second


async def test_10000_charged_calls_at_once(clean_redis_url: str) -> None:
    """4 processes × 2,500 calls for 3 fen at once over 20,000 fen: 6,666 pass, and the balance never shows less than nothing."""
    loop = asyncio.get_running_loop()
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as client:
        await RedisQuotaSnapshot(client).restore([])
        balances = RedisBalances(client)
        await balances.put(7, money_fen=20_000, seq=1)
        seen: list[int | None] = []

        async def watch() -> None:
            while True:
                seen.extend(await balances.spendable([7]))
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        with processes() as pool:
            tallies = await asyncio.gather(
                *(loop.run_in_executor(pool, spend, clean_redis_url, n, 2500, 3, 7) for n in range(PROCESSES))
            )
        await end(watching)
        left = (await balances.spendable([7]))[0]
        pending = int(await client.hget(f"{BALANCE_PREFIX}7", "pending") or 0)  # type: ignore[misc]
    total = sum((Counter(tally) for tally in tallies), Counter())
    assert dict(total) == {"": 6_666, "balance": 3_334}
    assert (left, pending) == (2, 19_998)
    assert min(fen for fen in seen if fen is not None) >= 0
