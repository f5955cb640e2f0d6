"""The health of everything at once: each service and store asked side by side, so that one that hangs hides none of the others."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from admin_api.health.repository import is_waiting, waiting_changes
from admin_api.health.service.dead_letters import INDEXER
from admin_api.health.service.reliability import FaultsMeasured, faults_measured
from admin_api.tables.shapes import View
from openplatform.errors import OpenPlatformError
from openplatform.ports import CatalogWriter, Clock, ServiceDirectory
from openplatform.records import ConfigKind, ProcessReport
from openplatform.service_client import Readiness, ServiceClient
from openplatform.sql import Database

T = TypeVar("T")

SERVICES = (INDEXER, "monitor", "order-service", "warehouse-service", "admin-api")
GATEWAY = "gateway"
ASK_S = 3.0
_UNSAID: dict[str, Any] = {
    "config_version": 0, "clock_skew_s": 0.0, "log_spool_bytes": 0, "log_spool_entries": 0, "log_dropped": 0, "log_trouble": "",
    "log_trouble_code": "", "breakers": {}, "default_minute_limit": None,
}  # fmt: skip


class InstanceHealth(View):
    """An instance of a service. checks: what it depends on → "ok" or what is wrong; facts: what else it says; error: why it could
    not be asked, "" = it was."""

    address: str
    ready: bool
    checks: dict[str, str]
    facts: dict[str, str]
    error: str


class ServiceHealth(View):
    """instances empty = none is registered; error: why the directory could not be asked."""

    service_id: str
    instances: list[InstanceHealth]
    error: str


class BreakerHealth(View):
    """A breaker that holds calls back. state: open, half-open; cause: `calls` (of so many calls so many failed and were slow),
    `probe-failed`, `probes-slow` (so many of so many that tried it again were slow), "" = an older version that does not say."""

    state: str
    cause: str = ""
    calls: int = 0
    failed: int = 0
    slow: int = 0


class GatewayHealth(View):
    """A gateway process, as it said of itself within the last 15 s. in_force: it works with the newest configuration; log_trouble:
    why call logs wait in memory, in the system's words, "" = they do not; log_trouble_code: the errno's name, such as ENOSPC;
    breakers: those that hold calls back, `api open.order.get` or `service order-service`; default_minute_limit: calls in any 60 s of
    apps without a minute limit of their own, 0 = no limit, null = an older version that does not say."""

    node: str
    version: str
    started_at_ms: int
    config_version: int
    in_force: bool
    clock_skew_s: float
    log_spool_bytes: int
    log_spool_entries: int
    log_dropped: int
    log_trouble: str
    log_trouble_code: str
    breakers: dict[str, BreakerHealth]
    default_minute_limit: int | None


class GatewaysHealth(View):
    """config_version: the newest that gateways can have; in_force: how many of the processes have it."""

    config_version: int
    in_force: int
    processes: list[GatewayHealth]
    error: str


class OutboxHealth(View):
    """Changes on their way to the gateways. waiting: not in Redis yet; oldest: since when the oldest of them waits."""

    waiting: int
    oldest: datetime | None
    error: str


class LogHealth(View):
    """lag_s: age of the oldest call log that is not indexed; depth: batches in the queue; dead_letters: call logs that no store takes.
    null = not known, error says why."""

    lag_s: float | None
    depth: int | None
    dead_letters: int | None
    error: str


class HealthView(View):
    """ok: nothing is wrong anywhere. checked_at: epoch ms; faults: null = not known in this installation."""

    ok: bool
    checked_at: int
    services: list[ServiceHealth]
    gateways: GatewaysHealth
    outbox: OutboxHealth
    logs: LogHealth
    faults: FaultsMeasured | None


class Health:
    """Never raises because something is down: what is down is what it tells."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogWriter,
        directory: ServiceDirectory,
        client: ServiceClient,
        clock: Clock,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._directory = directory
        self._client = client
        self._clock = clock

    async def look(self) -> HealthView:
        """Everything, at most a few seconds old."""
        asked = asyncio.gather(*map(self._service, SERVICES))
        shown, logs, gateways = await asyncio.gather(self._outbox(), self._logs(), self.gateways())
        services = await asked
        is_well = not (
            shown.error or shown.waiting or logs.error or logs.dead_letters or gateways.error
            or gateways.in_force < max(1, len(gateways.processes)) or any(each.log_trouble or each.breakers for each in gateways.processes)
            or any(not all(i.ready for i in service.instances) or not service.instances for service in services)
        )  # fmt: skip
        return HealthView(
            ok=is_well,
            checked_at=int(self._clock.now() * 1000),
            services=services,
            gateways=gateways,
            outbox=shown,
            logs=logs,
            faults=faults_measured(),
        )

    async def _service(self, service_id: str) -> ServiceHealth:
        found, error = await self._told(lambda: self._client.readiness(service_id))
        return ServiceHealth(service_id=service_id, instances=[_instance(each) for each in found or ()], error=error)

    async def reached(self, kind: ConfigKind, key: str) -> GatewaysHealth:
        """How far the newest change of one record has come; config_version is the one that a gateway needs for it."""
        async with self._database.read() as connection:
            waits = await is_waiting(connection, kind, key)
        needed, error = await self._told(lambda: self._catalogue.version_of(kind, key))
        return await self._processes(None if waits else needed, error)

    async def breakers(self) -> tuple[int, dict[str, list[BreakerHealth]]]:
        """How many gateway processes there are, and `api open.order.get` or `service order-service` → what each of those that hold
        its calls back says. Raises PlatformUnavailable."""
        reports = await self._directory.reports(GATEWAY)
        said: dict[str, list[BreakerHealth]] = {}
        for report in reports:
            for name, why in _process(report, 0).breakers.items():
                said.setdefault(name, []).append(why)
        return len(reports), said

    async def default_minute_limits(self) -> list[int]:
        """What gateway processes give apps without a minute limit of their own: calls in any 60 s, 0 = no limit, the smallest first.
        One when all agree, empty when none says."""
        processes = (await self._processes(None, "")).processes
        return sorted({p.default_minute_limit for p in processes if p.default_minute_limit is not None})

    async def gateways(self) -> GatewaysHealth:
        """The gateway processes beside the newest configuration."""
        newest, error = await self._told(self._catalogue.version)
        return await self._processes(newest, error)

    async def _processes(self, newest: int | None, error: str) -> GatewaysHealth:
        """newest: the version to have; None = nobody can have it yet."""
        reports, other = await self._told(lambda: self._directory.reports(GATEWAY))
        processes = [_process(report, newest) for report in reports or ()]
        return GatewaysHealth(
            config_version=newest or 0,
            in_force=sum(each.in_force for each in processes),
            processes=processes,
            error=error or other,
        )

    async def _outbox(self) -> OutboxHealth:
        async def read() -> tuple[int, datetime | None]:
            async with self._database.read() as connection:
                return await waiting_changes(connection)

        found, error = await self._told(read)
        waiting, oldest = found or (0, None)
        return OutboxHealth(waiting=waiting, oldest=oldest, error=error)

    async def _logs(self) -> LogHealth:
        lag, error = await self._told(lambda: self._client.get(INDEXER, "/lag", deadline_s=ASK_S))
        dead, other = await self._told(lambda: self._client.get(INDEXER, "/dead-letters/count", deadline_s=ASK_S))
        lag, dead = lag or {}, dead or {}
        return LogHealth(
            lag_s=lag.get("lag_s"), depth=lag.get("depth"), dead_letters=dead.get("count"), error=error or other
        )

    async def _told(self, ask: Callable[[], Awaitable[T]]) -> tuple[T | None, str]:
        """The answer, or None and what is wrong."""
        try:
            async with asyncio.timeout(ASK_S + 0.5):
                return await ask(), ""
        except OpenPlatformError as error:
            return None, error.sub_msg
        except TimeoutError:
            return None, "no answer in time"


def _instance(seen: Readiness) -> InstanceHealth:
    def words(part: Any) -> dict[str, str]:
        return {str(name): str(value) for name, value in part.items()} if isinstance(part, dict) else {}

    return InstanceHealth(
        address=seen.address,
        ready=seen.ready,
        checks=words(seen.body.get("checks")),
        facts=words(seen.body.get("facts")),
        error=seen.error,
    )


def _process(report: ProcessReport, newest: int | None) -> GatewayHealth:
    said: dict[str, Any] = _UNSAID | report.figures  # a process of an older version says less, and breakers in words
    breakers = {
        name: {"state": why.partition(":")[0]} if isinstance(why, str) else why
        for name, why in said["breakers"].items()
    }
    return GatewayHealth(
        node=report.node,
        version=report.version,
        started_at_ms=report.started_at_ms,
        in_force=newest is not None and said["config_version"] >= newest,
        **said | {"breakers": breakers},
    )
