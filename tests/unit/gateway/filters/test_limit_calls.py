"""Stage 7: who decides, and what happens while Redis cannot."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from gateway.filters.limit_calls import LimitCalls
from gateway.metrics import GatewayMetrics
from openplatform.adapters.quota_memory import MemoryQuotaCounter
from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError
from openplatform.records import QuotaRequest, QuotaVerdict
from tests.unit.gateway.filters.calls import StoppedClock, a_call, app_entry, route_entry


class Down:
    """A QuotaCounter whose store is away."""

    def admit(self, request: QuotaRequest) -> "asyncio.Future[QuotaVerdict]":
        failed: asyncio.Future[QuotaVerdict] = asyncio.get_running_loop().create_future()
        failed.set_exception(PLATFORM_UNAVAILABLE())
        return failed

    async def used(self, app_keys):
        raise PLATFORM_UNAVAILABLE()


def memory() -> MemoryQuotaCounter:
    return MemoryQuotaCounter(StoppedClock(), ZoneInfo("Asia/Shanghai"))


def limiter(quota, *, fallback=None, processes: int = 1, default: int | None = None) -> LimitCalls:
    return LimitCalls(
        quota, default_minute_limit=default, fallback=fallback, processes=lambda: processes, metrics=GatewayMetrics()
    )


async def accepted(limit: LimitCalls, times: int, *, app: dict | None = None, **route: object) -> int:
    """How many of so many calls pass; all others must be code 7 or 10."""
    passed = 0
    for _ in range(times):
        try:
            await limit(a_call(app=app_entry(**(app or {})), route=route_entry(**route)))
            passed += 1
        except OpenPlatformError as error:
            assert error.code in (7, 10)
    return passed


@pytest.mark.parametrize(
    ("app", "default", "expected"),
    [({"daily_limit": 5}, None, 5), ({"minute_limit": 3}, 9, 3), ({}, 4, 4), ({"minute_limit": 0}, 9, 0)],
)
async def test_which_limit_counts(app: dict, default: int | None, expected: int) -> None:
    """The app's day, its minute, or the platform's default minute for apps without one of their own."""
    assert await accepted(limiter(memory(), default=default), 10, app=app) == expected


async def test_the_refusal_tells_when() -> None:
    """Code 7 with the true wait, in the sentence that clients parse and in the headers."""
    limit = limiter(memory())
    call = a_call(app=app_entry(minute_limit=1), route=route_entry())
    await limit(call)
    with pytest.raises(OpenPlatformError) as refused:
        await limit(a_call(app=app_entry(minute_limit=1), route=route_entry()))
    assert refused.value.sub_msg == f"This ban will last for {refused.value.retry_after_s} more seconds"
    assert refused.value.headers["RateLimit-Limit"] == "1"


async def test_without_redis_each_process_has_its_share() -> None:
    """Four processes: a quarter of each limit here, rounded up; calls are counted as degraded."""
    limit = limiter(Down(), fallback=memory(), processes=4)
    assert await accepted(limit, 20, app={"daily_limit": 30, "minute_limit": 10}) == 3
    assert await accepted(limit, 20, app={"app_key": "other", "daily_limit": 10, "minute_limit": None}) == 3
    assert await accepted(limit, 20, app={"app_key": "tiny", "daily_limit": 2, "minute_limit": None}) == 1
    assert await accepted(limit, 20, app={"app_key": "none", "daily_limit": 0, "minute_limit": None}) == 0


async def test_without_redis_deny() -> None:
    """Told so, or for an API that costs money, the answer is 10."""
    assert await accepted(limiter(Down()), 3) == 0
    assert await accepted(limiter(Down(), fallback=memory()), 3, needs_fee=True) == 0
