"""The world of rows S and T: monitor processes over a real MariaDB, Redis and mail server, judging call logs that the test writes."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.repository.mails import OutboxMail
from monitor.repository.windows import last_window
from monitor.tables import mail_outbox
from openplatform.sql import Database, open_database, upgrade
from tests.integration.monitor.world import EverybodyHolds, TurnedClock, WrittenStatistics, evaluation, watch
from tests.processes import Running, serve
from tests.servers import Redis, SmtpServer, free_port
from tests.serving import serving

KEY = "key-of-the-fault-tests"
RECIPIENTS = ("ops@pailou.example", "boss@pailou.example")
WINDOW_S = 10
CYCLE = 8
PATIENCE_S = 120.0
"""For conditions that hold within a few seconds; a busy machine fails nothing."""


def is_slow(window: int) -> bool:
    """Three windows of each eight: an alert and a recovery in each."""
    return window % CYCLE < 3


@dataclass
class Logs:
    """Plays log_indexer for one monitor. is_due: end of a window, s → its calls are too slow;
    windows: ends of the windows it was asked for, s; `hold`: who asks waits for `release`."""

    is_due: Callable[[int], bool]
    windows: list[int] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event | None = None
    begins: bool = False

    def hold(self) -> None:
        self.held.clear()
        self.release = asyncio.Event()

    async def stats(self, request: Request) -> Response:
        ended_s = int(request.query_params["to_ms"]) // 1000
        if self.begins:  # what is asked after that is for a mail
            self.begins = False
            if self.release is not None:
                self.held.set()
                await self.release.wait()
            self.windows.append(ended_s)
        took = 2000.0 if self.is_due(ended_s) else 10.0
        times = dict.fromkeys(("mean_ms", "p50_ms", "p95_ms", "p99_ms"), took)
        return JSONResponse({"stats": [{"key": "open.order.get", "calls": 10, "errors": 0, **times}]})

    async def lag(self, request: Request) -> Response:
        self.begins = True
        return JSONResponse({"lag_s": 0.0, "depth": 0})

    async def logs(self, request: Request) -> Response:
        return JSONResponse({"hits": [], "total": 0, "total_is_capped": False, "cursor": None})

    def app(self) -> Starlette:
        return Starlette(routes=[Route(f"/{name}", getattr(self, name)) for name in ("stats", "lag", "logs")])


@dataclass
class One:
    """One monitor process and its call logs."""

    logs: Logs
    running: Running

    def send(self, number: signal.Signals) -> None:
        os.kill(self.running.process.pid, number)

    async def runs(self, result: str) -> float:
        """How often its ticks ended so."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            text = (await http.get(f"{self.running.url}/metrics")).text
        lines = [
            line for line in text.splitlines() if line.startswith(f'pailou_monitor_runs_total{{result="{result}"}}')
        ]
        return float(lines[0].split()[-1]) if lines else 0.0


@dataclass
class MonitorWorld:
    """Monitors that judge every `every_s` seconds and send through `smtp`."""

    database: Database
    database_url: str
    redis: Redis
    smtp: SmtpServer
    folder: Path
    every_s: int
    lock_s: int
    monitors: list[One] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> One:
        """One more monitor."""
        logs = Logs(is_due=lambda ended_s: is_slow(ended_s // self.every_s))
        port = await self._stack.enter_async_context(serving(logs.app()))
        environ = {
            "PAILOU_MONITOR_DATABASE_URL": self.database_url,
            "PAILOU_REDIS_URL": self.redis.url,
            "PAILOU_INTERNAL_KEYS": KEY,
            "PAILOU_MAILER_URL": f"{self.smtp.url}?ca_file={self.smtp.certificate}",
            "PAILOU_MAIL_FROM": "Pailou <alerts@pailou.example>",
            "PAILOU_ALERT_RECIPIENTS": ",".join(RECIPIENTS),
            "PAILOU_ALERT_WINDOW_S": str(WINDOW_S),
            "PAILOU_ALERT_MAILS_PER_HOUR": "1000",
            "PAILOU_ALERT_RETRY_S": "1",
            "PAILOU_MONITOR_EVERY_S": str(self.every_s),
            "PAILOU_MONITOR_DELAY_S": "0",
            "PAILOU_MONITOR_LOCK_S": str(self.lock_s),
            "PAILOU_INDEXER_ADDRESSES": f"127.0.0.1:{port}",
        }
        running = await self._stack.enter_async_context(serve("monitor", free_port(), environ, self.folder))
        self.monitors.append(One(logs, running))
        return self.monitors[-1]

    def kill(self, one: One) -> None:
        one.running.kill()

    async def last(self) -> int:
        """The end of the latest judged window, epoch s."""
        return await last_window(self.database)

    async def judged(self, windows: int) -> None:
        """Waits until so many further windows have been judged."""
        await self.judged_to(await self.last() + windows * self.every_s)

    async def judged_to(self, ended_s: int) -> None:
        """Waits until the window that ended then has been judged."""

        async def there() -> bool:
            return await self.last() >= ended_s

        await until(there, PATIENCE_S + 3 * max(0, ended_s - time.time()))

    async def any_held(self) -> One:
        """Stops every monitor's next question; the one that asks holds the lock."""
        living = [one for one in self.monitors if one.running.process.poll() is None]
        for one in living:
            one.logs.hold()
        waiting = {asyncio.create_task(one.logs.held.wait()): one for one in living}
        done, rest = await asyncio.wait(waiting, timeout=PATIENCE_S + self.every_s, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        leader = waiting[done.pop()]
        for one in self.monitors:
            if one is not leader:
                self.let_go(one)
        return leader

    def let_go(self, one: One) -> None:
        release, one.logs.release = one.logs.release, None
        if release is not None:
            release.set()

    async def outbox(self) -> Sequence[OutboxMail]:
        async with self.database.read() as connection:
            rows = await connection.execute(sa.select(mail_outbox).order_by(mail_outbox.c.id))
            return [OutboxMail(**row._mapping) for row in rows]

    async def all_sent(self) -> Sequence[OutboxMail]:
        """The outbox as soon as it holds no mail that is still to be sent; the next window may write one a moment later."""
        found: list[OutboxMail] = []

        async def there() -> bool:
            found[:] = await self.outbox()
            return all(mail.state in ("sent", "bad") for mail in found)

        await until(there, PATIENCE_S)
        return found

    def arrived(self) -> Counter[str]:
        """Message-ID → copies at the mail server."""
        return Counter(str(mail.message["Message-ID"]).strip("<>") for mail in self.smtp.mails)

    def missed(self, last_s: int) -> list[int]:
        """Ends of windows that nobody asked about, from the first to this one."""
        asked = {window for one in self.monitors for window in one.logs.windows}
        return [window for window in range(min(asked), last_s + 1, self.every_s) if window not in asked]

    async def expected(self) -> set[tuple[str, int, str]]:
        """(kind, start of window, recipient) of the mails that one monitor alone writes about the judged windows."""
        asked = sorted({window for one in self.monitors for window in one.logs.windows})
        url = f"sqlite+aiosqlite:///{self.folder}/alone-{free_port()}.db"
        await asyncio.to_thread(upgrade, url, "monitor")
        due = self.monitors[0].logs.is_due
        async with open_database(url) as database:
            clock = TurnedClock()
            statistics = _Seconds(due)
            options = {"alert_window_s": WINDOW_S, "alert_recipients": RECIPIENTS}
            await watch(database, EverybodyHolds(), statistics, clock, **options).seed()
            judge = evaluation(database, statistics, clock)
            for window in range(asked[0], await self.last() + 1, self.every_s):
                await judge.evaluate(window)
            async with database.read() as connection:
                rows = await connection.execute(sa.select(mail_outbox))
                return {(row.kind, int(row.window_start.timestamp()), row.recipient) for row in rows}


def mails_of(outbox: Sequence[OutboxMail]) -> Counter[tuple[str, int, str]]:
    """The same of an outbox, with how often."""
    return Counter((m.kind, int(m.window_start.timestamp()), m.recipient) for m in outbox)


class _Seconds(WrittenStatistics):
    """The same call logs as `Logs`, in this process."""

    def __init__(self, is_due: Callable[[int], bool]) -> None:
        super().__init__()
        self._is_due = is_due

    async def stats(self, *, from_ms: int, to_ms: int) -> Sequence[object]:  # type: ignore[override]
        self.mean_ms = lambda _: {"open.order.get": 2000.0 if self._is_due(to_ms // 1000) else 10.0}
        return await super().stats(from_ms=from_ms, to_ms=to_ms)


async def check_mails(world: MonitorWorld) -> dict[str, object]:
    """Every window judged, each mail sent once, the mails those of one monitor alone. The figures."""
    last_s = await world.last()
    outbox = await world.all_sent()
    written, arrived = mails_of(outbox), world.arrived()  # in this order: monitors go on writing and sending
    assert world.missed(last_s) == []
    assert {key: count for key, count in written.items() if count != 1} == {}
    assert {mail.message_id for mail in outbox if mail.state == "sent"} <= set(arrived)
    assert {key: copies for key, copies in arrived.items() if copies != 1} == {}
    expected = await world.expected()
    # A window may be judged between the two looks: what is written is what is expected up to it.
    unexpected = sorted(set(written) - expected)
    assert not unexpected, (unexpected, sorted(expected), [mail.subject for mail in outbox])
    assert {key for key in expected - set(written) if key[1] + WINDOW_S <= last_s} == set()
    return {"missed windows": 0, "mails": len(arrived), "duplicate mails": 0}


async def until(holds: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Returns once `holds`. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def open_monitor_world(
    database_url: str,
    redis: Redis,
    smtp: SmtpServer,
    folder: Path,
    *,
    every_s: int = 1,
    lock_s: int = 2,
    monitors: int = 2,
) -> AsyncIterator[MonitorWorld]:
    """A migrated database and so many monitors, which have judged their first window."""
    await asyncio.to_thread(upgrade, database_url, "monitor")
    async with open_database(database_url) as database:
        world = MonitorWorld(database, database_url, redis, smtp, folder, every_s, lock_s)
        async with world._stack:
            for _ in range(monitors):
                await world.start()
            if every_s < 60:
                await world.judged_to(int(time.time()))
            yield world
            for one in world.monitors:
                world.let_go(one)
