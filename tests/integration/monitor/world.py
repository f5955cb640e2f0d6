"""A monitor over real stores, with a clock that tests turn and call statistics that tests write."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from monitor.clients import PipelineLag
from monitor.repository.mails import OutboxMail
from monitor.service.affected import CallStatistics
from monitor.service.delivery import Delivery
from monitor.service.evaluation import Evaluation
from monitor.service.judgement import Patience
from monitor.service.letters import Letterhead
from monitor.service.metrics import MonitorMetrics
from monitor.service.post import StormCap
from monitor.service.quota import AppUsage
from monitor.service.watch import Watch
from monitor.settings import MonitorSettings
from monitor.tables import alert_event, mail_outbox
from openplatform.errors import PLATFORM_UNAVAILABLE, REMOTE_CONNECTION_ERROR
from openplatform.ports import Clock, LeaderLock, Lease, Mailer
from openplatform.records import ApiStats, AppUse, AppUses, CallLog, Mail
from openplatform.sql import Database
from tests.unit.monitor.samples import stats

START = 29_400_000  # a minute of the year 2025

SETTINGS = MonitorSettings(
    database_url="",
    redis_url="",
    internal_keys=("0123456789abcdef",),
    mailer_url="",
    mail_from="Pailou <alerts@pailou.example>",
    alert_recipients=("ops@pailou.example", "boss@pailou.example"),
)


class TurnedClock:
    """A clock that stands still until a test turns it."""

    def __init__(self, minute: int = START) -> None:
        self.seconds = minute * 60 + 5.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def turn_to(self, minute: int) -> None:
        self.seconds = minute * 60 + 5.0


@dataclass
class WrittenStatistics:
    """Plays log_indexer: mean response times by API for the window that ends at a minute; it can be late, or not there."""

    mean_ms: Callable[[int], dict[str, float]] = lambda minute: {}
    lag_s: float = 0.0
    is_down: bool = False
    windows: list[tuple[int, int]] = field(default_factory=list)
    logs: list[CallLog] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    before_answer: Callable[[], Any] | None = None

    async def stats(self, *, from_ms: int, to_ms: int) -> Sequence[ApiStats]:
        await self._answer()
        self.windows.append((from_ms, to_ms))
        return [stats(name, mean) for name, mean in self.mean_ms(to_ms // 60_000).items()]

    async def calls(self, **conditions: Any) -> Sequence[CallLog]:
        await self._answer()
        self.asked.append(conditions)
        return [log for log in self.logs if log.apiName == conditions["api_name"]]

    async def lag(self) -> PipelineLag:
        await self._answer()
        return PipelineLag(lag_s=self.lag_s)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.before_answer is not None:
            await self.before_answer()
        if self.is_down:
            raise REMOTE_CONNECTION_ERROR("log-indexer could not be reached")


@dataclass
class WrittenUsage:
    """Plays AppUsage."""

    uses: list[AppUse] = field(default_factory=list)
    is_down: bool = False
    asked_since: list[int] = field(default_factory=list)

    async def moved(self, since_s: int) -> AppUses:
        self.asked_since.append(since_s)
        if self.is_down:
            raise PLATFORM_UNAVAILABLE("Redis is down")
        return AppUses(taken_at_s=START, uses=tuple(self.uses))


class EverybodyHolds:
    """A lock that fails at its one job: everybody gets it."""

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Lease | None]:
        yield Held()


class Held:
    fencing = 1

    def is_held(self) -> bool:
        return True


class KeptMails:
    """Plays Mailer: keeps what it gets, and fails as told."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.failures: dict[str, Exception] = {}

    async def send(self, mail: Mail) -> None:
        await asyncio.sleep(0)
        if (failure := self.failures.get(mail.to)) is not None:
            raise failure
        self.mails.append(mail)


def settings(**changes: Any) -> MonitorSettings:
    return replace(SETTINGS, **changes)


def evaluation(
    database: Database,
    statistics: CallStatistics,
    clock: Clock,
    *,
    usage: AppUsage | None = None,
    mails_per_hour: int = 1000,
    console_url: str = "",
) -> Evaluation:
    return Evaluation(
        database,
        statistics,
        usage or WrittenUsage(),
        clock,
        patience=Patience(clean_windows=2, reminder_s=1800),
        head=Letterhead(domain="pailou.example", zone=ZoneInfo("Asia/Shanghai"), console_url=console_url),
        cap=StormCap(mails=mails_per_hour, digest_s=1800),
    )


def watch(
    database: Database,
    lock: LeaderLock,
    statistics: CallStatistics,
    clock: Clock,
    *,
    metrics: MonitorMetrics | None = None,
    **changes: Any,
) -> Watch:
    judge = evaluation(database, statistics, clock)
    return Watch(database, lock, judge, clock, metrics or MonitorMetrics(), settings(**changes), retry_s=0.01)


def delivery(database: Database, mailer: Mailer, clock: Clock) -> Delivery:
    return Delivery(database, mailer, clock, MonitorMetrics())


async def outbox(database: Database) -> list[OutboxMail]:
    """All mails ever written, oldest first."""
    async with database.read() as connection:
        rows = await connection.execute(sa.select(mail_outbox).order_by(mail_outbox.c.id))
        return [OutboxMail(**row._mapping) for row in rows]


async def kinds(database: Database) -> list[tuple[str, int]]:
    """(kind, minute at which the window ended, counted from START) of every mail to the first recipient, in order."""
    return [
        (mail.kind, int(mail.window_start.timestamp() + 300) // 60 - START)
        for mail in await outbox(database)
        if mail.recipient == SETTINGS.alert_recipients[0]
    ]


async def open_apis(database: Database) -> list[str | None]:
    """Names of the APIs with an open alert."""
    async with database.read() as connection:
        rows = await connection.execute(sa.select(alert_event.c.api_name).where(alert_event.c.closed_at.is_(None)))
        return sorted((row.api_name for row in rows), key=lambda name: name or "")
