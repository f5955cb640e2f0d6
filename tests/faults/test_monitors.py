"""Rows S1 to S4: monitors share the work, die, sleep and lose their lock; each mail is written and sent once."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.monitors import PATIENCE_S, MonitorWorld, check_mails, open_monitor_world, until
from tests.faults.report import report
from tests.servers import Redis, SmtpServer
from tests.servers.mariadb import drop_database
from tests.servers.mariadb import fresh_database as create_database
from tests.servers.pool import S

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVALUATIONS = 10
"""An alert and its recovery at least; `make faults` judges a hundred windows."""


@pytest.fixture(scope="module")
def monitor_database(mariadb_url: str) -> Iterator[str]:
    url = create_database(mariadb_url, "monitor")
    yield url
    drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(monitor_database: str, server_of: Callable[[type[S]], S], folder: Path) -> AsyncIterator[MonitorWorld]:
    """Two monitors that judge each second; the lock lives two."""
    with SmtpServer(folder) as smtp:
        async with open_monitor_world(monitor_database, server_of(Redis), smtp, folder) as world:
            yield world


async def test_s1_two_monitors_share_the_windows(world: MonitorWorld) -> None:
    """Each window is judged by one of them, each mail written once."""
    await world.judged(EVALUATIONS)
    figures = await check_mails(world)
    report("S1", evaluations=len({window for one in world.monitors for window in one.logs.windows}), **figures)


async def test_s2_the_leader_is_killed_in_the_middle_of_its_evaluation(world: MonitorWorld) -> None:
    """The lock it held runs out, the other judges its window and those after it."""
    leader = await world.any_held()
    window = await world.last()
    world.kill(leader)
    began = time.monotonic()
    await world.judged(1)
    took_s = time.monotonic() - began
    assert await world.last() > window
    await world.judged(4)
    world.let_go(leader)
    figures = await check_mails(world)
    report("S2", lock_s=world.lock_s, takeover_s=round(took_s, 1), **figures)
    await world.start()


async def test_s3_the_leader_sleeps_through_its_lock_and_wakes(world: MonitorWorld) -> None:
    """Stopped for twice the lock's life in the middle of an evaluation: the other goes on, and the sleeper writes nothing."""
    leader = await world.any_held()
    leader.send(signal.SIGSTOP)
    await asyncio.sleep(2 * world.lock_s)
    await world.judged(3)
    world.let_go(leader)
    leader.send(signal.SIGCONT)
    await world.judged(5)

    async def left_it_to_the_other() -> bool:
        return await leader.runs("already") >= 1

    await until(left_it_to_the_other, PATIENCE_S)
    figures = await check_mails(world)
    report("S3", stopped_s=2 * world.lock_s, **figures)


async def test_s4_redis_is_down_at_the_tick(world: MonitorWorld) -> None:
    """No lock: every monitor tries, the database lets one through; no window is late by more than a tick."""
    world.redis.kill()
    await world.judged(6)
    figures = await check_mails(world)
    delay_s = int(time.time()) - await world.last()
    report("S4", delay_s=delay_s, **figures)
