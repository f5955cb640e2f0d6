"""Rows T1 to T3: the mail server refuses, puts off, hangs, or its 250 is lost with the monitor that got it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.tables import mail_outbox, refused_address
from openplatform.sql import open_database
from tests.closing import stop_accepting
from tests.faults.monitors import PATIENCE_S, RECIPIENTS, MonitorWorld, check_mails, open_monitor_world, until
from tests.faults.report import report
from tests.servers import Redis, SmtpServer
from tests.servers.mariadb import drop_database
from tests.servers.mariadb import fresh_database as create_database
from tests.servers.pool import S

pytestmark = pytest.mark.asyncio(loop_scope="module")
OUTAGE_S = 3


class PausingServer(SmtpServer):
    """Accepts a mail and says so only when it is no longer paused."""

    is_paused = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = await super().handle_DATA(server, session, envelope)
        while self.is_paused:
            await asyncio.sleep(0.01)
        return reply


@pytest.fixture(scope="module")
def monitor_database(mariadb_url: str) -> Iterator[str]:
    url = create_database(mariadb_url, "monitor")
    yield url
    drop_database(url)


@pytest.fixture(scope="module")
def smtp(folder: Path) -> Iterator[PausingServer]:
    with PausingServer(folder) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    monitor_database: str, server_of: Callable[[type[S]], S], smtp: PausingServer, folder: Path
) -> AsyncIterator[MonitorWorld]:
    """One monitor that judges each second and tries mails again after 1, 2, 4 … 15 s."""
    async with open_monitor_world(monitor_database, server_of(Redis), smtp, folder, monitors=1) as world:
        yield world


async def test_t1_the_mail_server_refuses_puts_off_and_hangs(world: MonitorWorld, smtp: PausingServer) -> None:
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
        await stop_accepting(tarpit.sockets)
    tried = max(mail.attempts for mail in await world.outbox())
    assert tried > 1
    await asyncio.to_thread(smtp.start)
    await world.judged(OUTAGE_S)
    figures = await check_mails(world)
    report("T1", most_attempts=tried, ticks_late_s=round(late_s, 1), lost_mails=0, **figures)


async def test_t2_one_address_is_refused_for_good(world: MonitorWorld, smtp: PausingServer) -> None:
    """550 for one recipient: marked, not tried again; the other's mails arrive."""
    good, dead = RECIPIENTS
    smtp.refused[dead] = "550 no such user"
    before = len(await world.outbox())

    async def both_kinds() -> bool:
        new = [mail for mail in (await world.outbox())[before:] if mail.recipient == dead]
        return any(mail.attempts == 0 and mail.state == "bad" for mail in new)

    await until(both_kinds, PATIENCE_S)
    outbox = await world.all_sent()
    new = outbox[before:]
    assert {mail.state for mail in new if mail.recipient == good} <= {"sent"}
    # The first may have been written before the address was refused.
    refused = [m for m in outbox if m.recipient == dead and m.state == "bad" and m.attempts]
    assert {mail.last_error for mail in refused} == {"550 no such user"}
    async with world.database.begin() as connection:
        marked = (await connection.execute(sa.select(refused_address))).all()
        await connection.execute(sa.delete(refused_address))
    assert [row.address for row in marked] == [dead]
    smtp.refused.clear()
    report("T2", refused=len(refused), not_tried=sum(not m.attempts for m in new if m.state == "bad"), others_lost=0)


async def test_t3_the_monitor_dies_between_the_250_and_its_commit(world: MonitorWorld, smtp: PausingServer) -> None:
    """The mail is accepted, nobody notes it: it is sent once more, under the same Message-ID."""
    await world.all_sent()
    arrived = sum(world.arrived().values())
    smtp.is_paused = True

    async def accepted() -> bool:
        return sum(world.arrived().values()) >= arrived + len(RECIPIENTS)

    await until(accepted, PATIENCE_S)
    async with open_database(world.database_url) as database, database.begin() as connection:
        locked = sa.select(mail_outbox.c.message_id).where(mail_outbox.c.state == "sending").with_for_update()
        claimed = list((await connection.execute(locked)).scalars())
        in_transit = [message_id for message_id in claimed if message_id in world.arrived()]
        smtp.is_paused = False

        async def is_settling() -> bool:
            waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE mail_outbox%%'"
            async with world.database.read() as other:
                return bool((await other.exec_driver_sql(waiting)).scalar_one())

        await until(is_settling, 40)  # InnoDB lets the mailer wait for 50 s
        world.kill(world.monitors[0])
    async with world.database.begin() as connection:  # as if the minute of the dead one's claim were over
        stale = mail_outbox.c.state == "sending"
        await connection.execute(sa.update(mail_outbox).where(stale).values(next_at=mail_outbox.c.create_time))
    await world.start()
    await world.all_sent()
    copies = world.arrived()
    assert in_transit
    assert [copies[message_id] for message_id in in_transit] == [2] * len(in_transit)
    assert max(copies.values()) == 2
    report("T3", mails_in_transit=len(in_transit), most_copies=2, message_ids_each=1)
