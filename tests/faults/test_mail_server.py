"""Row T1: the mail server refuses, puts off, and hangs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.monitors import MonitorWorld, check_mails, open_monitor_world
from tests.faults.report import report
from tests.servers import Redis, SmtpServer
from tests.servers.mariadb import drop_database
from tests.servers.mariadb import fresh_database as create_database
from tests.servers.pool import S

pytestmark = pytest.mark.asyncio(loop_scope="module")
OUTAGE_S = 3


@pytest.fixture(scope="module")
def monitor_database(mariadb_url: str) -> Iterator[str]:
    url = create_database(mariadb_url, "monitor")
    yield url
    drop_database(url)


@pytest.fixture(scope="module")
def smtp(folder: Path) -> Iterator[SmtpServer]:
    with SmtpServer(folder) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    monitor_database: str, server_of: Callable[[type[S]], S], smtp: SmtpServer, folder: Path
) -> AsyncIterator[MonitorWorld]:
    """One monitor that judges each second and tries mails again after 1, 2, 4 … 15 s."""
    async with open_monitor_world(monitor_database, server_of(Redis), smtp, folder, monitors=1) as world:
        yield world


async def test_t1_the_mail_server_refuses_puts_off_and_hangs(world: MonitorWorld, smtp: SmtpServer) -> None:
    """No connection, then 451, then not a word: every mail arrives once in the end, and no window waited for it."""
    await asyncio.to_thread(smtp.stop)
    await world.judged(2 * OUTAGE_S)
    await asyncio.to_thread(smtp.start)
    smtp.data_reply = "451 try later"
    await world.judged(OUTAGE_S)
    smtp.data_reply = None
    await asyncio.to_thread(smtp.stop)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the mailer has waited long enough
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", smtp.port) as tarpit:
        await world.judged(OUTAGE_S)
        late_s = time.time() - await world.last()
        tarpit.close()
    tried = max(mail.attempts for mail in await world.outbox())
    assert tried > 1
    await asyncio.to_thread(smtp.start)
    await world.judged(OUTAGE_S)
    figures = await check_mails(world, as_one_alone=False)
    report("T1", most_attempts=tried, ticks_late_s=round(late_s, 1), lost_mails=0, **figures)
