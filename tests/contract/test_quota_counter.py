"""Every QuotaCounter admits exactly what its limits say."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_memory import MemoryQuotaCounter
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.ranking_redis import RedisApiRanking
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_wire import RedisWire
from openplatform.errors import PlatformUnavailable
from openplatform.ports import QuotaCounter
from openplatform.records import QuotaRequest
from openplatform.web import SystemClock
from tests.contract.conftest import PATIENT_S

ZONE = ZoneInfo("Asia/Shanghai")


def ask(
    app_key: str = "app", api: str = "open.a.get", *, day: int | None = None, minute: int | None = None, **more: int
) -> QuotaRequest:
    return QuotaRequest(app_key=app_key, api_name=api, daily_limit=day, minute_limit=minute, **more)


@pytest.fixture(params=["memory", "fakeredis", "redis", "wire"])
async def quota(request: pytest.FixtureRequest) -> AsyncIterator[QuotaCounter]:
    if request.param == "memory":
        yield MemoryQuotaCounter(SystemClock(), ZONE)
        return
    url = "memory://" if request.param == "fakeredis" else request.getfixturevalue("clean_redis_url")
    wire = RedisWire(url, timeout_s=PATIENT_S) if request.param == "wire" else None
    async with open_redis(url, Embedded(), timeout_s=PATIENT_S) as opened:
        await RedisQuotaSnapshot(opened).restore([])
        yield RedisQuotaCounter(opened, SystemClock(), ZONE, wire=wire)
    if wire is not None:
        wire.close()


async def test_the_day_is_reached_exactly(quota: QuotaCounter) -> None:
    """Of 300 calls at once 200 pass, and the refused ones are told the day's end."""
    verdicts = await asyncio.gather(*(quota.admit(ask(day=200)) for _ in range(300)))
    assert sum(v.admitted for v in verdicts) == 200
    assert sorted(v.day_used for v in verdicts if v.admitted) == list(range(1, 201))
    refused = next(v for v in verdicts if not v.admitted)
    assert refused.rule == "day"
    assert refused.retry_after_s == refused.day_reset_s >= 1
    assert (await quota.used(["app"]))[0].day_used == 200


async def test_the_minute_is_reached_exactly(quota: QuotaCounter) -> None:
    """Of 300 calls at once 50 pass, and the refused ones are told when the window lets one through."""
    verdicts = await asyncio.gather(*(quota.admit(ask(minute=50)) for _ in range(300)))
    assert sum(v.admitted for v in verdicts) == 50
    refused = next(v for v in verdicts if not v.admitted)
    assert refused.rule == "minute"
    assert 1 <= refused.retry_after_s <= 61
    assert (await quota.used(["app"]))[0].minute_used == 50


async def test_a_refusal_spends_nothing(quota: QuotaCounter) -> None:
    """What the minute refuses does not count against the day."""
    await asyncio.gather(*(quota.admit(ask(day=100, minute=10)) for _ in range(50)))
    assert (await quota.used(["app", "never seen"]))[0].day_used == 10
    assert (await quota.used(["app", "never seen"]))[1].day_used == 0


async def test_apps_do_not_share_limits(quota: QuotaCounter) -> None:
    """One app at its limit takes nothing from another."""
    await asyncio.gather(*(quota.admit(ask("greedy", minute=5)) for _ in range(50)))
    assert (await quota.admit(ask("other", minute=5))).admitted


async def test_no_limit_and_a_limit_of_none_at_all(quota: QuotaCounter) -> None:
    """None is not checked; 0 lets nothing through."""
    assert (await quota.admit(ask())).admitted
    assert not (await quota.admit(ask("zero", day=0))).admitted
    refused = await quota.admit(ask("zero", minute=0))
    assert (refused.admitted, refused.rule) == (False, "minute")
    assert refused.retry_after_s >= 1


async def test_the_day_begins_again_when_it_is_reset(quota: QuotaCounter) -> None:
    """Afterwards the whole day is there again; the minute stays as it was, and an app that never called stays at 0."""
    for _ in range(3):
        await quota.admit(ask(day=3, minute=5))
    assert (await quota.admit(ask(day=3, minute=5))).rule == "day"
    assert await quota.reset_day("app") == 3
    assert [(await quota.admit(ask(day=3, minute=5))).rule for _ in range(3)] == ["", "", "minute"]
    assert (await quota.used(["app"]))[0].day_used == 2
    assert await quota.reset_day("never seen") == 0


@pytest.mark.parametrize(
    ("limit", "rule", "longest_s"),
    [
        ("api_minute_limit", "api-minute", 61), ("api_daily_limit", "api-day", 86_400 * 2),
        ("grant_minute_limit", "app-api-minute", 61), ("grant_daily_limit", "app-api-day", 86_400 * 2),
    ],
)  # fmt: skip
async def test_an_api_and_a_grant_are_reached_exactly(
    quota: QuotaCounter, limit: str, rule: str, longest_s: int
) -> None:
    """Of 100 calls at once 20 pass; the refused ones hear which rule and how long, and cost the app nothing."""
    verdicts = await asyncio.gather(*(quota.admit(ask(minute=1000, **{limit: 20})) for _ in range(100)))
    assert sum(v.admitted for v in verdicts) == 20
    assert {v.rule for v in verdicts if not v.admitted} == {rule}
    assert all(1 <= v.retry_after_s <= longest_s for v in verdicts if not v.admitted)
    assert (await quota.used(["app"]))[0].day_used == 20


async def test_a_second_is_reached_exactly(quota: QuotaCounter) -> None:
    """An API's second lets its number through, then the next second lets it through again."""
    passed = 0
    async with asyncio.timeout(60):
        while passed < 15:
            began = int(time.time())
            verdicts = await asyncio.gather(*(quota.admit(ask(api_second_limit=5)) for _ in range(20)))
            refused = {(v.rule, v.retry_after_s) for v in verdicts if not v.admitted}
            assert refused == {("api-second", 1)}
            admitted, seconds = sum(v.admitted for v in verdicts), int(time.time()) - began + 1
            assert admitted in (0, 5) or 0 < admitted <= 5 * seconds > 5
            passed += admitted
            await asyncio.sleep(0.1)


async def test_what_an_app_used_of_an_api(quota: QuotaCounter) -> None:
    """Where its grant has limits; each API for itself, nothing for those that were never called."""
    for _ in range(3):
        await quota.admit(ask("one", "open.a.get", grant_daily_limit=9))
    await quota.admit(ask("two", "open.a.get", grant_minute_limit=9))
    uses = await quota.used_at([("one", "open.b.get"), ("one", "open.a.get"), ("two", "open.a.get")])
    assert [(use.day_used, use.minute_used) for use in uses] == [(0, 0), (3, 3), (1, 1)]
    assert list(await quota.used_at([])) == []


async def test_an_api_counts_over_all_apps_and_a_grant_does_not(quota: QuotaCounter) -> None:
    """Two apps share an API's limit; each has its own at an API, and none is touched by another API."""
    assert (await quota.admit(ask("one", api_daily_limit=2, grant_daily_limit=1))).admitted
    assert (await quota.admit(ask("one", api_daily_limit=2, grant_daily_limit=1))).rule == "app-api-day"
    assert (await quota.admit(ask("two", api_daily_limit=2, grant_daily_limit=1))).admitted
    assert (await quota.admit(ask("six", api_daily_limit=2, grant_daily_limit=1))).rule == "api-day"
    assert (await quota.admit(ask("one", "open.b.get", api_daily_limit=2, grant_daily_limit=1))).admitted


async def test_the_longest_wait_is_told(quota: QuotaCounter) -> None:
    """Of several limits that refuse, a day comes before a minute, and a minute before a second."""
    limits = {"api_second_limit": 0, "api_minute_limit": 0, "grant_daily_limit": 0}
    assert (await quota.admit(ask(minute=0, **limits))).rule == "app-api-day"
    assert (await quota.admit(ask(api_second_limit=0, api_minute_limit=0))).rule == "api-minute"
    assert (await quota.admit(ask("other", api_second_limit=0))).rule == "api-second"


async def test_ranking_counts_what_was_admitted(redis_client: RedisClient) -> None:
    """The day's ranking is the number of admitted calls by API, no more."""
    await RedisQuotaSnapshot(redis_client).restore([])
    quota, ranking = RedisQuotaCounter(redis_client, SystemClock(), ZONE), RedisApiRanking(redis_client)
    calls = [ask("a", f"open.{n % 3}.get", minute=100) for n in range(200)]
    verdicts = await asyncio.gather(*(quota.admit(call) for call in calls))
    admitted = Counter(call.api_name for call, verdict in zip(calls, verdicts, strict=True) if verdict.admitted)
    assert dict(await ranking.top(_today(), 10)) == dict(admitted)
    assert sum(admitted.values()) == 100


async def test_a_flushed_script_is_loaded_again(redis_client: RedisClient) -> None:
    """SCRIPT FLUSH costs nobody an answer, and counts nothing twice."""
    await RedisQuotaSnapshot(redis_client).restore([])
    quota = RedisQuotaCounter(redis_client, SystemClock(), ZONE)
    await quota.admit(ask(day=3))
    await redis_client.script_flush()
    assert (await quota.admit(ask(day=3))).day_used == 2


@pytest.mark.parametrize("wired", [True, False])
async def test_a_store_that_is_down_is_ours(wired: bool) -> None:
    """No Redis: PlatformUnavailable, at once for those who come within the next second."""
    url = "redis://127.0.0.1:1/0"
    async with open_redis(url, None, timeout_s=0.05) as nowhere:
        wire = RedisWire(url, timeout_s=0.05) if wired else None
        quota = RedisQuotaCounter(nowhere, SystemClock(), ZONE, wire=wire)
        for _ in range(3):
            with pytest.raises(PlatformUnavailable):
                await quota.admit(ask())


async def test_a_fault_leaves_nobody_waiting(redis_client: RedisClient, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that nobody expected fails the callers of that batch, with a trace, and those who come later are served."""
    answers: list[object] = [b"not JSON"]
    await RedisQuotaSnapshot(redis_client).restore([])
    quota = RedisQuotaCounter(redis_client, SystemClock(), ZONE)
    command = quota._command

    async def odd_once(*parts: object) -> object:
        return answers.pop() if answers else await command(*parts)

    quota._command = odd_once
    failed = await asyncio.gather(quota.admit(ask()), quota.admit(ask()), return_exceptions=True)
    assert all(isinstance(error, Exception) for error in failed)
    assert "the limits could not be decided" in caplog.text
    async with asyncio.timeout(30):
        while True:
            with suppress(PlatformUnavailable):
                assert (await quota.admit(ask())).admitted
                return
            await asyncio.sleep(0.1)


def _today() -> date:
    return datetime.now(ZONE).date()


async def test_what_was_used_of_an_api_by_all(quota: QuotaCounter) -> None:
    """Where the API has limits: the calls of all apps together."""
    for app_key in ("one", "two", "two"):
        await quota.admit(ask(app_key, "open.limited.get", api_daily_limit=9))
    await quota.admit(ask("one", "open.free.get"))
    uses = await quota.used_of(["open.free.get", "open.limited.get"])
    assert [(use.day_used, use.minute_used) for use in uses] == [(0, 0), (3, 3)]
    assert 0 < uses[1].day_reset_s <= 86_400
