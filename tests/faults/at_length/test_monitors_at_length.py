"""Rows S1 and S2 with nothing shortened that matters: a hundred windows with deaths and sleeps between, and the product's own lock."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.monitors import check_mails, open_monitor_world
from tests.faults.report import report
from tests.servers import Redis, SmtpServer
from tests.servers.mariadb import drop_database
from tests.servers.mariadb import fresh_database as create_database
from tests.servers.pool import S

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVALUATIONS = 100
LOCK_S, EVERY_S = 30, 60


@pytest.fixture
def monitor_database(mariadb_url: str) -> Iterator[str]:
    url = create_database(mariadb_url, "monitor")
    yield url
    drop_database(url)


@pytest_asyncio.fixture(loop_scope="module")
async def smtp(tmp_path: Path) -> AsyncIterator[SmtpServer]:
    with SmtpServer(tmp_path) as server:
        yield server


async def test_s1_a_hundred_windows_with_a_leader_killed_and_one_stopped(
    monitor_database: str, own_server: Callable[[type[S]], S], smtp: SmtpServer, tmp_path: Path
) -> None:
    """Two monitors, one killed and replaced, one stopped for twice the lock's life: the mails are those of one alone."""
    async with open_monitor_world(monitor_database, own_server(Redis), smtp, tmp_path) as world:
        await world.judged(EVALUATIONS // 4)
        killed = await world.any_held()
        world.kill(killed)
        world.let_go(killed)
        await world.judged(EVALUATIONS // 4)
        await world.start()
        stopped = await world.any_held()
        stopped.send(signal.SIGSTOP)
        await asyncio.sleep(2 * world.lock_s)
        world.let_go(stopped)
        stopped.send(signal.SIGCONT)
        await world.judged(EVALUATIONS // 2)
        figures = await check_mails(world)
        report("S1", evaluations=len({window for one in world.monitors for window in one.logs.windows}), **figures)


async def test_s2_the_takeover_with_the_locks_own_thirty_seconds(
    monitor_database: str, own_server: Callable[[type[S]], S], smtp: SmtpServer, tmp_path: Path
) -> None:
    """A minute between windows, a lock of thirty seconds: the dead leader's window is judged 35 s after its death at most."""
    redis = own_server(Redis)
    async with open_monitor_world(monitor_database, redis, smtp, tmp_path, every_s=EVERY_S, lock_s=LOCK_S) as world:
        leader = await world.any_held()
        window = int(time.time()) // EVERY_S * EVERY_S
        world.kill(leader)
        began = time.monotonic()
        await world.judged_to(window)
        took_s = time.monotonic() - began
        assert await world.last() == window  # by a retry in the same minute, not by the next tick
        report("S2", lock_s=LOCK_S, takeover_s=round(took_s, 1))
        assert took_s < 35 + 10
