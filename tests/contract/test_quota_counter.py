"""Every QuotaCounter admits exactly what its limits say; the script is held against a slow, obvious model."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_memory import MemoryQuotaCounter
from openplatform.adapters.quota_redis import SCRIPT, RedisQuotaCounter
from openplatform.adapters.ranking_redis import RedisApiRanking
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.redis_wire import RedisWire
from openplatform.errors import PlatformUnavailable
from openplatform.ports import QuotaCounter
from openplatform.records import QuotaRequest
from openplatform.web import SystemClock

ZONE = ZoneInfo("Asia/Shanghai")


def ask(
    app_key: str = "app", api: str = "open.a.get", *, day: int | None = None, minute: int | None = None
) -> QuotaRequest:
    return QuotaRequest(app_key=app_key, api_name=api, daily_limit=day, minute_limit=minute)


@pytest.fixture(params=["memory", "fakeredis", "redis", "wire"])
async def quota(request: pytest.FixtureRequest) -> AsyncIterator[QuotaCounter]:
    if request.param == "memory":
        yield MemoryQuotaCounter(SystemClock(), ZONE)
        return
    url = "memory://" if request.param == "fakeredis" else request.getfixturevalue("clean_redis_url")
    wire = RedisWire(url, timeout_s=2) if request.param == "wire" else None
    async with open_redis(url, Embedded()) as opened:
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


async def test_ranking_counts_what_was_admitted(redis_client: RedisClient) -> None:
    """The day's ranking is the number of admitted calls by API, no more."""
    quota, ranking = RedisQuotaCounter(redis_client, SystemClock(), ZONE), RedisApiRanking(redis_client)
    calls = [ask("a", f"open.{n % 3}.get", minute=100) for n in range(200)]
    verdicts = await asyncio.gather(*(quota.admit(call) for call in calls))
    admitted = Counter(call.api_name for call, verdict in zip(calls, verdicts, strict=True) if verdict.admitted)
    assert dict(await ranking.top(_today(), 10)) == dict(admitted)
    assert sum(admitted.values()) == 100


async def test_a_flushed_script_is_loaded_again(redis_client: RedisClient) -> None:
    """SCRIPT FLUSH costs nobody an answer, and counts nothing twice."""
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
    quota = RedisQuotaCounter(redis_client, SystemClock(), ZONE)
    command = quota._command

    async def odd_once(*parts: object) -> object:
        return answers.pop() if answers else await command(*parts)

    quota._command = odd_once
    failed = await asyncio.gather(quota.admit(ask()), quota.admit(ask()), return_exceptions=True)
    assert all(isinstance(error, Exception) for error in failed)
    assert "the limits could not be decided" in caplog.text
    async with asyncio.timeout(5):
        while True:
            with suppress(PlatformUnavailable):
                assert (await quota.admit(ask())).admitted
                return
            await asyncio.sleep(0.1)


def _today() -> date:
    return datetime.now(ZONE).date()


# --- the script against a model ----------------------------------------------------------------------------------------------

# The script with its clock handed in, so that a test turns it.
TURNED = SCRIPT.replace("redis.call('TIME')[1]", "ARGV[2]")
DAYS = [(0, 1000, "d1"), (1000, 2000, "d2"), (2000, 3000, "d3")]


class Model:
    """Remembers every admitted call of one app: the truth that buckets and sums must agree with."""

    def __init__(self) -> None:
        self.admitted: list[int] = []
        self.high_water = 0

    def decide(self, wall: int, day: int, minute: int) -> tuple[int, int]:
        now = max(self.high_water, wall)
        if any(t >= self.high_water - 60 for t in self.admitted):
            self.high_water = now  # buckets have moved on: the clock never goes back behind them
        start = max(s for s, _, _ in DAYS if s <= now)
        in_day = [t for t in self.admitted if t >= start]
        in_window = [t for t in self.admitted if t >= now - 60]
        if day >= 0 and len(in_day) >= day:
            return 1, start + 1000 - now
        if minute >= 0 and len(in_window) >= minute:
            waits = (w for w in range(1, 62) if sum(t >= now + w - 60 for t in self.admitted) < minute)
            return 2, next(waits, 60) if minute else 60
        self.admitted.append(now)
        self.high_water = now
        return 0, 0


STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 1, 2, 7, 30, 59, 60, 61, 62, 130, -5, -90]), st.integers(1, 6)), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(-1, 12), st.integers(-1, 6), st.integers(900, 1100))
def test_the_script_agrees_with_the_model(redis_url: str, steps, day: int, minute: int, start: int) -> None:
    """Any sequence of waits, clock steps and bursts, over a midnight: verdicts and waits are those of the obvious model."""
    with redis.Redis.from_url(redis_url) as server:
        server.flushdb()
        model, wall = Model(), start
        for wait, burst in steps:
            wall = max(1, wall + wait)
            calls = [(1, day, minute, 1)] * burst
            body = orjson.dumps({"days": DAYS, "calls": calls, "apis": ["open.a.get"]})
            answer = server.eval(TURNED, 4, "{q}:r1", "{q}:r2", "{q}:r3", "{q}:app", body, wall)
            assert [(v[0], v[1]) for v in orjson.loads(answer)] == [
                model.decide(wall, day, minute) for _ in range(burst)
            ]
        assert sum(server.zscore(f"{{q}}:r{n}", "open.a.get") or 0 for n in (1, 2, 3)) == len(model.admitted)
