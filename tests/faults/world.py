"""What a fault row runs on: gateway processes as in production, a Redis of their own behind a proxy, a broker, fake services."""

import asyncio
import base64
import itertools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.sessions import token_hash
from openplatform.adapters.catalog_writer_redis import RedisCatalogWriter
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.records import AccessToken, App, AppKey, ConfigChange, Record, Route
from openplatform.sealing import Seal
from openplatform.web import SystemClock
from tests.faults.ledger import Ledger
from tests.faults.load import Connection, Kind, Load
from tests.faults.records import Documents, Records, documents_of, records_of
from tests.faults.times import Times, times
from tests.faults.upstream import FakeService, fake_service
from tests.gateway_world import INTERNAL_KEY, MASTER_KEYS, SECRET
from tests.noon import ZONE
from tests.processes import Running, serve
from tests.proxy import Proxy, proxy_before
from tests.servers import Redis, free_port
from tests.waiting import PATIENCE_S

SESSION = "6100e23a-session-of-fault-rows"
VENDER_ID = 777


class DurableRedis(Redis):
    """A Redis that has its data again after a kill -9."""

    def launch(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        super().launch([*command, "--appendonly", "yes", "--appendfsync", "everysec"], environment)


@dataclass
class FaultWorld:
    """gateway: `pailou serve gateway`, a supervisor with workers or one process; services: by service_id; proxy: between the
    gateway and Redis."""

    times: Times
    gateway: Running
    redis: Redis
    proxy: Proxy
    client: RedisClient
    writer: RedisCatalogWriter
    services: Mapping[str, FakeService]
    records: Records | Documents
    environ: Mapping[str, str]
    catalogue: list[ConfigChange]
    ledger: Ledger = field(default_factory=Ledger)
    _version: int = 1000

    def begin(self, *kinds: Kind, fresh: bool = True, **options: object) -> Load:
        """A load that is entered into the ledger; fresh: of which nothing else is in it."""
        if fresh:
            for book in (self.ledger.entries, self.ledger.seen, self.ledger.venders, self.ledger.logs):
                book.clear()
        return Load([self.gateway.port], self.ledger, kinds or (Kind(),), **options)

    async def code(self, kind: Kind) -> int | None:
        """What one call is answered with, on a connection of its own; it is not in the ledger."""
        load = Load([self.gateway.port], Ledger())
        connection = Connection(lambda: load.ports, itertools.count())
        entry = await load.call(connection, kind)
        connection.close()
        return entry.code

    @property
    def service(self) -> FakeService:
        """The only service, or the first."""
        return next(iter(self.services.values()))

    async def put(self, kind: str, key: str, record: Record | None) -> None:
        """Changes the catalogue; in force within a moment."""
        body = None if record is None else msgspec.json.encode(record)
        await self.writer.publish([self.change(kind, key, body)])

    def change(self, kind: str, key: str, body: bytes | None) -> ConfigChange:
        """One that is newer than all before it, not published yet."""
        self._version += 1
        return ConfigChange(kind=kind, key=key, version=self._version, body=body)

    async def ready(self, *, within_s: float = PATIENCE_S, port: int | None = None) -> dict[str, object]:
        """What /readyz says as soon as it says 200."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http, asyncio.timeout(within_s):
            while True:
                answer = await http.get(f"http://127.0.0.1:{port or self.gateway.port}/readyz")
                if answer.status_code == 200:
                    return answer.json()
                await asyncio.sleep(0.05)

    async def metric(self, name: str, *, port: int | None = None) -> float:
        """The sum over labels of a metric of one gateway process; 0 when it is not there."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            text = (await http.get(f"http://127.0.0.1:{port or self.gateway.port}/metrics")).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))

    async def day_used(self, app_key: str, zone: ZoneInfo = ZONE) -> int:
        """The app's calls of the day as Redis has them."""
        counter = RedisQuotaCounter(self.client, SystemClock(), zone)
        (use,) = await counter.used([app_key])
        return use.day_used

    async def scripts_run(self) -> int:
        """How many limit scripts Redis has run: it grows while the gateways count there."""
        try:
            stats = await self.client.info("commandstats")
        except RedisConnectionError:  # a kept connection from before a kill
            stats = await self.client.info("commandstats")
        return sum(stats.get(name, {}).get("calls", 0) for name in ("cmdstat_evalsha", "cmdstat_eval"))


def app(key: str = "caller", *, number: int = 1, secrets: Sequence[str] = (SECRET,), **fields: object) -> App:
    """An app that may do much: fields narrow it."""
    seal = Seal(MASTER_KEYS)
    values: dict[str, object] = {
        "id": number, "app_key": AppKey(key), "app_name": key, "customer_id": 1, "enabled": True, "daily_limit": 10**7,
        "sealed_secrets": tuple(seal.seal(secret, f"app_info|{key}") for secret in secrets),
    }  # fmt: skip
    return App(**{**values, **fields})


def route(name: str = "open.echo.get", service_id: str = "echo-service", **fields: object) -> Route:
    """An open API without a session, idempotent. Its service has time: it is played by a process that a busy machine may hold up."""
    values: dict[str, object] = {
        "api_name": name, "service_id": service_id, "inside_api_url": "/echo", "enabled": True, "needs_session": False,
        "is_open": True, "idempotent": True, "timeout_ms": 10_000,
    }  # fmt: skip
    return Route(**{**values, **fields})


def catalogue(apps: Sequence[App], routes: Sequence[Route]) -> list[ConfigChange]:
    """All of it, and one session of the first app."""
    rows: list[tuple[str, str, Record]] = [("app", a.app_key, a) for a in apps]
    rows += [("route", r.api_name, r) for r in routes]
    changes = [ConfigChange(kind=k, key=key, version=1, body=msgspec.json.encode(r)) for k, key, r in rows]
    token = AccessToken(app_id=apps[0].id, vender_id=VENDER_ID, start_at_ms=0, expire_at_ms=4_102_444_800_000)
    changes.append(
        ConfigChange(
            kind="session", key=token_hash(SESSION), version=1, body=msgspec.json.encode(token),
            expire_at_ms=token.expire_at_ms,
        )
    )  # fmt: skip
    return changes


@asynccontextmanager
async def open_fault_world(
    redis: Redis, rabbitmq_url: str, folder: Path, *, apps: Sequence[App] | None = None, routes: Sequence[Route] | None = None,
    workers: int = 2, proxied: bool = False, environ: Mapping[str, str] | None = None, elasticsearch_url: str = "",
) -> AsyncIterator[FaultWorld]:  # fmt: skip
    """A world over a Redis that is running already. routes name the services that are made for them;
    proxied: the gateway reaches Redis through the proxy. elasticsearch_url: a real indexer takes the records off the queue and
    stores them there; without it the world itself takes them."""
    ledger = Ledger()
    routes = routes or [route()]
    async with AsyncExitStack() as stack:
        services = {
            service_id: await stack.enter_async_context(fake_service(ledger))
            for service_id in dict.fromkeys(r.service_id for r in routes)
        }
        proxy = await stack.enter_async_context(proxy_before(redis.port))
        client = await stack.enter_async_context(open_redis(redis.url, None, timeout_s=PATIENCE_S))
        records: Records | Documents
        if elasticsearch_url:
            indexer = await stack.enter_async_context(
                serve("indexer", free_port(), {
                    "PAILOU_REDIS_URL": redis.url, "PAILOU_RABBITMQ_URL": rabbitmq_url, "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
                    "PAILOU_ELASTICSEARCH_URL": elasticsearch_url,
                }, folder)
            )  # fmt: skip
            records = await stack.enter_async_context(documents_of(elasticsearch_url, ledger, indexer))
        else:
            records = await stack.enter_async_context(records_of(rabbitmq_url, ledger))
        writer = RedisCatalogWriter(client)
        changes = catalogue(apps or [app()], routes)
        await RedisQuotaSnapshot(client).restore([])
        await writer.replace(changes)
        await RedisQuotaSnapshot(client).restore([])
        settings = {
            "PAILOU_REDIS_URL": f"redis://127.0.0.1:{proxy.port if proxied else redis.port}/0",
            "PAILOU_RABBITMQ_URL": rabbitmq_url,
            "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
            "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(MASTER_KEYS["k1"]).decode(),
            "PAILOU_SERVICE_ADDRESSES": ",".join(f"{name}=127.0.0.1:{s.port}" for name, s in services.items()),
            "PAILOU_MAX_CONNECTIONS_PER_ADDRESS": "2000",
            "PAILOU_DRAIN_S": "1",
            "PAILOU_REDIS_TIMEOUT_MS": "50",
            "PAILOU_TIME_ZONE": ZONE.key,
            **(environ or {}),
        }
        gateway = await stack.enter_async_context(serve("gateway", free_port(), settings, folder, workers=workers))
        world = FaultWorld(times(), gateway, redis, proxy, client, writer, services, records, settings, changes, ledger)
        if workers > 1:
            await all_ready(gateway, workers)
        yield world


def workers_of(gateway: Running) -> list[int]:
    """Process ids of the supervisor's workers, oldest first."""
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in _command_line(int(pid))]


async def all_ready(gateway: Running, workers: int, *, within_s: float = PATIENCE_S) -> None:
    """Waits until that many workers listen: each process that holds the port's socket and has connections of its own."""
    async with asyncio.timeout(within_s):
        while len(workers_of(gateway)) < workers or not all(descriptors(pid) > 12 for pid in workers_of(gateway)):
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)


def descriptors(pid: int) -> int:
    """How many files and sockets the process has open."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0


def memory_mb(pid: int) -> float:
    """The process's resident memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
