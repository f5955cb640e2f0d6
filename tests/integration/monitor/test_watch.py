"""Many monitors: every minute is judged once, whoever lives, dies, sleeps or has no lock."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.repository.windows import last_window
from monitor.service.metrics import MonitorMetrics
from monitor.service.watch import CATCH_UP
from openplatform.adapters.leader_lock_redis import RedisLeaderLock
from openplatform.adapters.redis_client import open_redis
from openplatform.ports import LeaderLock, Lease
from openplatform.sql import Database, open_database, upgrade
from openplatform.web import SystemClock
from tests.integration.monitor.world import (
    START,
    EverybodyHolds,
    Held,
    TurnedClock,
    WrittenStatistics,
    kinds,
    outbox,
    watch,
)
from tests.servers import Redis
from tests.servers.pool import S
from tests.waiting import PATIENCE_S

MINUTES = 100


def eventful(minute: int) -> dict[str, float]:
    """Hundred minutes with everything: a long alert, short ones that overlap, one that flaps."""
    at = minute - START
    return {
        "long": 2000.0 if 5 <= at < 75 else 10.0,
        "short": 3000.0 if 20 <= at < 24 else 10.0,
        "joins": 1500.0 if 22 <= at < 40 else 10.0,
        "flaps": 1000.0 + at % 5 if at > 60 else 10.0,
    }


async def expected_mails(tmp_database_url: str) -> list[tuple[str, int]]:
    """What one monitor alone writes about `eventful`."""
    await asyncio.to_thread(upgrade, tmp_database_url, "monitor")
    clock = TurnedClock()
    async with open_database(tmp_database_url) as database:
        alone = watch(database, EverybodyHolds(), WrittenStatistics(eventful), clock)
        for minute in range(START, START + MINUTES):
            clock.turn_to(minute)
            assert await alone.tick() == "evaluated"
        return await kinds(database)


@pytest.mark.parametrize("has_lock", [True, False], ids=["with the lock", "with a lock that fails"])
async def test_monitors_that_judge_the_same_hundred_minutes_write_each_mail_once(
    database_url: str, clean_redis_url: str, tmp_path: Path, has_lock: bool
) -> None:
    """Three at once, each over its own connections: the mails are those of one alone."""
    expected = await expected_mails(f"sqlite+aiosqlite:///{tmp_path}/alone.db")
    clock = TurnedClock()
    async with AsyncExitStack() as stack:
        monitors = []
        for _ in range(3):
            database = await stack.enter_async_context(open_database(database_url))
            redis = await stack.enter_async_context(open_redis(clean_redis_url, None, timeout_s=PATIENCE_S))
            lock: LeaderLock = RedisLeaderLock(redis, SystemClock()) if has_lock else EverybodyHolds()
            monitors.append(watch(database, lock, WrittenStatistics(eventful), clock))
        for minute in range(START, START + MINUTES):
            clock.turn_to(minute)
            results = await asyncio.gather(*(monitor.tick() for monitor in monitors))
            assert sorted(results) == ["already", "already", "evaluated"]
        assert await kinds(database) == expected
        keys = [
            (mail.rule_id, mail.alert_group, mail.window_start, mail.kind, mail.recipient)
            for mail in await outbox(database)
        ]
        assert len(keys) == len(set(keys)) == 2 * len(expected)


async def test_only_one_of_many_monitors_asks_the_logs(database: Database, clean_redis_url: str) -> None:
    """The lock saves work: log_indexer hears of a minute once."""
    statistics = WrittenStatistics()
    clock = TurnedClock()
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as redis:
        monitors = [watch(database, RedisLeaderLock(redis, SystemClock()), statistics, clock) for _ in range(5)]
        await asyncio.gather(*(monitor.tick() for monitor in monitors))
    assert len(statistics.windows) == 1


async def test_a_window_that_was_judged_while_one_waited_for_the_lock_is_not_judged_again(database: Database) -> None:
    """The other was done, and had given the lock back, when this one got it."""
    statistics, clock = WrittenStatistics(), TurnedClock()
    other = watch(database, EverybodyHolds(), statistics, clock)

    class AfterTheOther:
        @asynccontextmanager
        async def hold(self, name: str) -> AsyncIterator[Lease | None]:
            assert await other.tick() == "evaluated"
            yield Held()

    assert await watch(database, AfterTheOther(), statistics, clock).tick() == "already"
    assert len(statistics.windows) == 1


HOLDER = """
import asyncio, sys
from openplatform.adapters.leader_lock_redis import RedisLeaderLock
from openplatform.adapters.redis_client import open_redis
from openplatform.web import SystemClock

async def main():
    async with open_redis(sys.argv[1], None) as redis:
        async with RedisLeaderLock(redis, SystemClock(), lifetime_s=1.0, renew_every_s=0.2).hold("monitor") as lease:
            assert lease is not None
            print("held", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_leader_that_is_killed_loses_no_minute(database: Database, clean_redis_url: str) -> None:
    """kill -9 while it holds the lock: another judges that minute as soon as the lock ran out, and those that were missed."""
    statistics = WrittenStatistics(lambda minute: {"open.order.get": 2000.0 if minute == START + 2 else 10.0})
    clock = TurnedClock()
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as redis:
        survivor = watch(database, RedisLeaderLock(redis, SystemClock()), statistics, clock)
        assert await survivor.tick() == "evaluated"
        leader = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, clean_redis_url, stdout=asyncio.subprocess.PIPE
        )
        assert leader.stdout is not None
        assert await leader.stdout.readline() == b"held\n"
        clock.turn_to(START + 5)
        waiting = asyncio.create_task(survivor.tick())
        leader.kill()
        await leader.wait()
        assert await waiting == "evaluated"
    assert await last_window(database) == 60 * (START + 5)
    judged = [to_ms // 60_000 - START for _, to_ms in statistics.windows]
    assert [minute for minute in judged if minute >= 0] == [0, 1, 2, 3, 4, 5]  # a mail compares with the window before
    assert await kinds(database) == [("opened", 2), ("closed", 4)]


async def test_a_leader_that_slept_through_its_lease_writes_nothing(database: Database, clean_redis_url: str) -> None:
    """Stopped between the question and the writing, woken when another has judged the minute: its work is refused."""
    clock = TurnedClock()
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def sleep_here() -> None:
        asleep.set()
        await wake.wait()

    slow = WrittenStatistics(lambda minute: {"open.order.get": 2000.0}, before_answer=sleep_here)
    quick = WrittenStatistics(lambda minute: {"open.order.get": 2000.0})
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as redis:
        sleeper = watch(database, RedisLeaderLock(redis, SystemClock()), slow, clock)
        other = watch(database, RedisLeaderLock(redis, SystemClock()), quick, clock)
        sleeping = asyncio.create_task(sleeper.tick())
        await asleep.wait()
        await redis.flushdb()  # its lease ran out meanwhile
        assert await other.tick() == "evaluated"
        wake.set()
        assert await sleeping == "already"
    assert await kinds(database) == [("opened", 0)]


async def test_without_redis_minutes_are_judged_all_the_same(
    database: Database, own_server: Callable[[type[S]], S]
) -> None:
    """Two monitors, Redis killed: no lock, no minute lost, no mail twice."""
    server = own_server(Redis)
    clock = TurnedClock()
    async with open_redis(server.url, None) as redis:
        monitors = [
            watch(database, RedisLeaderLock(redis, SystemClock()), WrittenStatistics(eventful), clock) for _ in range(2)
        ]
        for minute in range(START, START + 10):
            if minute == START + 3:
                server.kill()
            clock.turn_to(minute)
            results = await asyncio.gather(*(monitor.tick() for monitor in monitors))
            assert sorted(results) == ["already", "evaluated"]
    assert await kinds(database) == [("opened", 5)]


async def test_what_was_missed_long_ago_is_history(database: Database) -> None:
    """After a night without monitors the last minutes are judged, not the whole night."""
    statistics = WrittenStatistics()
    clock = TurnedClock()
    only = watch(database, EverybodyHolds(), statistics, clock)
    await only.tick()
    clock.turn_to(START + 600)
    await only.tick()
    assert len(statistics.windows) == 1 + CATCH_UP + 1
    assert await last_window(database) == 60 * (START + 600)


async def test_a_lost_lock_ends_the_catching_up(database: Database) -> None:
    """What is left is the next leader's: it goes on where this one stopped."""
    statistics = WrittenStatistics()
    clock = TurnedClock()
    await watch(database, EverybodyHolds(), statistics, clock).tick()

    class Lost(EverybodyHolds):
        @asynccontextmanager
        async def hold(self, name: str) -> AsyncIterator[Lease | None]:
            lease = Held()
            lease.is_held = lambda: len(statistics.windows) < 4  # type: ignore[method-assign]
            yield lease

    clock.turn_to(START + 9)
    await watch(database, Lost(), statistics, clock).tick()
    assert await last_window(database) == 60 * (START + 3)
    assert await watch(database, EverybodyHolds(), statistics, clock).tick() == "evaluated"
    assert [to_ms // 60_000 - START for _, to_ms in statistics.windows] == list(range(10))


async def test_a_database_that_cannot_be_reached_is_a_failed_run_and_counted(
    free_port: Callable[[], int], database_url: str
) -> None:
    """The tick ends, says so in the figures, and the next one tries again."""
    metrics = MonitorMetrics()
    clock = TurnedClock()
    url = f"mysql+asyncmy://nobody:nothing@127.0.0.1:{free_port()}/none"
    async with open_database(url) as nowhere:
        assert await watch(nowhere, EverybodyHolds(), WrittenStatistics(), clock, metrics=metrics).tick() == "failed"
    async with open_database(database_url) as database:
        assert (
            await watch(database, EverybodyHolds(), WrittenStatistics(), clock, metrics=metrics).tick() == "evaluated"
        )
    runs = "pailou_monitor_runs_total"
    assert metrics.registry.get_sample_value(runs, {"result": "failed"}) == 1
    assert metrics.registry.get_sample_value(runs, {"result": "evaluated"}) == 1
    assert metrics.registry.get_sample_value("pailou_monitor_leader") == 1


async def test_the_unique_key_refuses_a_second_mail_whatever_else_fails(database: Database) -> None:
    """Even if the judged minute were forgotten: the window's mails are there already, and none is added."""
    clock = TurnedClock()
    statistics = WrittenStatistics(lambda minute: {"open.order.get": 2000.0})
    only = watch(database, EverybodyHolds(), statistics, clock)
    assert await only.tick() == "evaluated"
    mails = await outbox(database)
    async with database.begin() as connection:
        await connection.execute(sa.text("UPDATE evaluated_window SET ended_s = 0"))
        await connection.execute(sa.text("DELETE FROM alert_sample"))
        await connection.execute(sa.text("DELETE FROM alert_event"))
    assert await only.tick() == "evaluated"
    assert await outbox(database) == mails


async def test_a_monitor_whose_clock_is_ahead_is_noticed(database: Database) -> None:
    """Minutes that have not come yet were judged: the others count and log it, until their own time has come."""
    ahead, right = TurnedClock(START + 60), TurnedClock(START)
    statistics = WrittenStatistics()
    assert await watch(database, EverybodyHolds(), statistics, ahead).tick() == "evaluated"
    metrics = MonitorMetrics()
    punctual = watch(database, EverybodyHolds(), statistics, right, metrics=metrics)
    assert await punctual.tick() == "ahead"
    assert metrics.registry.get_sample_value("pailou_monitor_runs_total", {"result": "ahead"}) == 1
    right.turn_to(START + 61)
    assert await punctual.tick() == "evaluated"
