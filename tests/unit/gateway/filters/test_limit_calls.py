"""Stage 7: who decides, and what happens while Redis cannot."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from gateway.filters.limit_calls import LimitCalls
from gateway.metrics import GatewayMetrics
from openplatform.adapters.quota_memory import MemoryQuotaCounter
from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError
from openplatform.records import Grant, QuotaRequest, QuotaVerdict, Reservation
from tests.unit.gateway.filters.calls import StoppedClock, a_call, app_entry, route_entry


class Down:
    """A QuotaCounter whose store is away."""

    def admit(self, request: QuotaRequest, reservation: Reservation | None = None) -> "asyncio.Future[QuotaVerdict]":
        failed: asyncio.Future[QuotaVerdict] = asyncio.get_running_loop().create_future()
        failed.set_exception(PLATFORM_UNAVAILABLE())
        return failed

    async def used(self, app_keys):
        raise PLATFORM_UNAVAILABLE()


def memory() -> MemoryQuotaCounter:
    return MemoryQuotaCounter(StoppedClock(), ZoneInfo("Asia/Shanghai"))


def limiter(quota, *, fallback=None, processes: int = 1, default: int | None = None) -> LimitCalls:
    return LimitCalls(
        quota,
        default_minute_limit=default,
        fallback=fallback,
        processes=lambda: processes,
        metrics=GatewayMetrics(),
        clock=StoppedClock(),
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


@pytest.mark.parametrize(
    ("app", "route", "sub_code", "limit"),
    [
        ({"daily_limit": 2}, {}, "by-app-access-count", "2"),
        ({}, {"limit_per_second": 2}, "by-api-access-count", "2"),
        ({}, {"limit_per_minute": 2}, "by-api-access-count", "2"),
        ({}, {"limit_per_day": 2}, "by-api-access-count", "2"),
        ({"grants": {"open.a.get": Grant(minute_limit=2)}}, {}, "by-app-api-access-count", "2"),
        ({"grants": {"open.a.get": Grant(daily_limit=2)}}, {}, "by-app-api-access-count", "2"),
    ],
)
async def test_whose_limit_it_was(app: dict, route: dict, sub_code: str, limit: str) -> None:
    """The sub_code says whether the app, the API or the grant is limited; another API's grant limits nothing here."""
    limited = limiter(memory())
    call = a_call(app=app_entry(**app), route=route_entry(**route))
    await limited(call)
    await limited(call)
    with pytest.raises(OpenPlatformError) as refused:
        await limited(call)
    error = refused.value
    assert (error.code, error.sub_code) == (7, f"accesscontrol.limited-{sub_code}")
    assert error.sub_msg == f"This ban will last for {error.retry_after_s} more seconds"
    assert error.headers == {
        "RateLimit-Limit": limit, "RateLimit-Remaining": "0", "RateLimit-Reset": str(error.retry_after_s)
    }  # fmt: skip
    await limited(a_call(app=app_entry(**(app | {"app_key": "other"})), route=route_entry(api_name="open.b.get")))


async def test_a_change_of_the_catalogue_counts_at_once() -> None:
    """New entries bring new limits, and the same old ones keep theirs."""
    limited = limiter(memory())
    before = a_call(app=app_entry(minute_limit=1), route=route_entry())
    await limited(before)
    with pytest.raises(OpenPlatformError):
        await limited(before)
    await limited(a_call(app=app_entry(minute_limit=2), route=route_entry()))


class Poor:
    """A QuotaCounter that remembers reservations and finds no balance that covers them."""

    def __init__(self) -> None:
        self.asked: list[Reservation | None] = []

    async def admit(self, request: QuotaRequest, reservation: Reservation | None = None) -> QuotaVerdict:
        self.asked.append(reservation)
        return QuotaVerdict(admitted=reservation is None, rule="balance")

    async def used(self, app_keys):
        return []


async def test_the_price_is_asked_for_with_the_limits() -> None:
    """Only an API with a fee reserves, for its deadline and a minute more; too little money is 11."""
    quota = Poor()
    limited = limiter(quota)
    app = app_entry(customer_id=7)
    await limited(a_call(app=app, route=route_entry(price_fen=3)))
    with pytest.raises(OpenPlatformError) as refused:
        await limited(a_call(app=app, route=route_entry(needs_fee=True, price_fen=3, timeout_ms=2500)))
    assert (refused.value.code, refused.value.sub_code) == (11, "isv.insufficient-balance")
    assert quota.asked == [None, Reservation(customer_id=7, price_fen=3, request_id="id1", hold_s=63)]


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
