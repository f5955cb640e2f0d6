"""The all-in-one's composition root: every service in this process and this event loop, over embedded stores.

Services are opened from the inside out and close in reverse: the gateway stops first, the indexer that takes its last call logs
last, and after it the in-process Redis is saved.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from starlette.types import ASGIApp

from admin_api.app import open_app as open_admin
from admin_api.settings import AdminSettings
from gateway.app import http_protocol
from gateway.app import open_app as open_gateway
from gateway.settings import GatewaySettings
from log_indexer.app import open_app as open_indexer
from log_indexer.settings import IndexerSettings
from monitor.app import open_app as open_monitor
from monitor.settings import MonitorSettings
from openplatform.adapters.catalog_redis import RedisCatalogReader, RedisCatalogWriter
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.sealing import Seal
from openplatform.web import SystemClock
from order_service.app import open_app as open_orders
from order_service.settings import OrderSettings
from pailou.databases import DATABASES, upgrade
from pailou.demo.seed import seed_once
from pailou.redis_snapshot import kept_on_disk
from pailou.serving import DrainingServer, bind, port_of, serving
from pailou.var_folder import ADMIN_EMAIL, LocalSecrets, VarFolder
from warehouse_service.app import open_app as open_warehouse
from warehouse_service.settings import WarehouseSettings

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
CATALOGUE_S = 10.0
"""How long the start waits for admin_api's first catalogue; the gateway would wait by itself, but answer nothing."""


@dataclass(slots=True)
class Platform:
    """The running all-in-one: where it is reached, and its servers."""

    gateway_url: str = ""
    admin_url: str = ""
    servers: dict[str, DrainingServer] = field(default_factory=dict)

    def stop(self, *names: str, at_once: bool = False) -> None:
        """Tells the named servers, or all, to finish their calls and end; at_once: not to wait for calls in flight."""
        for name in names or self.servers:
            self.servers[name].stop(at_once=at_once)


@dataclass(frozen=True, slots=True)
class Doors:
    """The two public sockets, bound before anything is opened, so that a taken port is known at once."""

    gateway: socket.socket
    admin: socket.socket


@asynccontextmanager
async def open_platform(
    folder: VarFolder, known: LocalSecrets, doors: Doors, inherited: Mapping[str, str], *, with_demo: bool
) -> AsyncIterator[Platform]:
    """Everything, ready to be called. inherited: `PAILOU_…` variables of the user that the services may see."""
    inner = {name: bind(LOOPBACK, 0, option="") for name in ("INDEXER", "WAREHOUSE", "ORDERS", "MONITOR")}
    platform = Platform(
        gateway_url=f"http://{_shown_address(doors.gateway)}/router/rest",
        admin_url=f"http://{_shown_address(doors.admin)}/",
    )
    environ = {**inherited, **_environment(folder, known, platform)}
    environ |= {f"PAILOU_{name}_PORT": str(port_of(bound)) for name, bound in inner.items()}
    environ |= {"PAILOU_GATEWAY_PORT": str(port_of(doors.gateway)), "PAILOU_ADMIN_PORT": str(port_of(doors.admin))}
    admin_settings = AdminSettings.from_env(environ)
    gateway_settings = GatewaySettings.from_env(environ)
    await asyncio.to_thread(_migrate, folder)
    if with_demo:
        seal = Seal(admin_settings.master_keys)
        await seed_once(folder, known, seal, SystemClock(), environ["PAILOU_ELASTICSEARCH_URL"])

    embedded = Embedded()
    async with AsyncExitStack() as stack:

        async def start(
            name: str,
            opening: AbstractAsyncContextManager[ASGIApp],
            bound: socket.socket,
            http: object = "httptools",
        ) -> None:
            app = await stack.enter_async_context(opening)
            server = await stack.enter_async_context(serving(app, bound, service=name, http=http))
            platform.servers[name] = server

        await stack.enter_async_context(kept_on_disk(embedded, folder.redis_snapshot))
        await start("indexer", open_indexer(IndexerSettings.from_env(environ), embedded), inner["INDEXER"])
        await start("warehouse", open_warehouse(WarehouseSettings.from_env(environ), embedded), inner["WAREHOUSE"])
        await start("orders", open_orders(OrderSettings.from_env(environ), embedded), inner["ORDERS"])
        await start("monitor", open_monitor(MonitorSettings.from_env(environ), embedded), inner["MONITOR"])
        stack.callback(platform.stop)  # the services behind, side by side, once nobody calls them any more
        await start("admin", open_admin(admin_settings, embedded), doors.admin)
        await _catalogue_is_complete(embedded)
        await start("gateway", open_gateway(gateway_settings, embedded), doors.gateway, http_protocol(gateway_settings))
        stack.callback(platform.stop, "gateway", "admin")
        yield platform


def _environment(folder: VarFolder, known: LocalSecrets, platform: Platform) -> dict[str, str]:
    urls = {f"PAILOU_{database.variable}": folder.database_url(name) for name, database in DATABASES.items()}
    return {
        **urls,
        "PAILOU_REDIS_URL": "memory://",
        "PAILOU_RABBITMQ_URL": "memory://",
        "PAILOU_ELASTICSEARCH_URL": f"sqlite:///{folder.call_logs.absolute()}",
        "PAILOU_MAILER_URL": f"outbox://{folder.outbox.absolute()}",
        "PAILOU_MAIL_FROM": f"Pailou <{ADMIN_EMAIL}>",
        "PAILOU_ALERT_RECIPIENTS": ADMIN_EMAIL,
        "PAILOU_CONSOLE_URL": platform.admin_url,
        "PAILOU_GATEWAY_URL": platform.gateway_url,
        "PAILOU_INTERNAL_KEYS": known.internal_key,
        "PAILOU_MASTER_KEYS": f"local:{known.master_key}",
        "PAILOU_ADMIN_EMAIL": ADMIN_EMAIL,
        "PAILOU_ADMIN_PASSWORD": known.admin_password,
        "PAILOU_ADVERTISE_HOST": LOOPBACK,
        "PAILOU_NODE": "all-in-one",
    }


def _migrate(folder: VarFolder) -> None:
    folder.databases.mkdir(parents=True, exist_ok=True)
    for name in DATABASES:  # one after the other: Alembic's context is global
        upgrade(name, folder.database_url(name))


async def _catalogue_is_complete(embedded: Embedded) -> None:
    async with open_redis("memory://", embedded) as client, asyncio.timeout(CATALOGUE_S):
        writer = RedisCatalogWriter(client)
        announcements = RedisCatalogReader(client).announcements()
        while not await writer.is_complete():
            await anext(announcements)
        await announcements.aclose()


def _shown_address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = LOOPBACK
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
