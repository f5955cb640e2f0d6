"""order_service from the outside: its resources, its ASGI application, its process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.types import ASGIApp

from openplatform.adapters.backends import open_tracer
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.errors import PlatformUnavailable
from openplatform.idempotency import forget_answers
from openplatform.lifetime import registered, running, this_instance
from openplatform.ports import Clock, ServiceDirectory
from openplatform.service_client import open_service_client
from openplatform.sql import Database, open_database
from openplatform.tracing import Tracer
from openplatform.web import ServiceProcess, SystemClock, service_app
from order_service import endpoints, repository
from order_service.clients import WAREHOUSE_SERVICE_ID, WarehouseClient
from order_service.service import CANCEL, SHIP, OrderErrands, OrderReader, OrderUpdates
from order_service.settings import SERVICE_ID, OrderSettings
from order_service.tables import idempotency_record

log = logging.getLogger(__name__)

_FORGET_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Resources:
    """What order_service needs of the world."""

    database: Database
    directory: ServiceDirectory
    warehouse: WarehouseClient
    clock: Clock
    tracer: Tracer | None = None


@asynccontextmanager
async def open_resources(settings: OrderSettings, embedded: Embedded | None = None) -> AsyncIterator[Resources]:
    """Opens database, directory and client. Nothing is asked yet: a store that is down shows in /readyz.

    Raises SettingsError for memory:// outside the all-in-one.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        redis = await stack.enter_async_context(open_redis(settings.redis_url, embedded))
        directory = RedisServiceDirectory(redis, clock)
        pinned = {WAREHOUSE_SERVICE_ID: settings.warehouse_addresses} if settings.warehouse_addresses else None
        services = await stack.enter_async_context(
            open_service_client(directory, internal_key=settings.internal_keys[0], pinned=pinned)
        )
        tracer = await stack.enter_async_context(
            open_tracer(settings.otlp_url, SERVICE_ID, f"{settings.advertise_host}:{settings.port}")
        )
        yield Resources(database, directory, WarehouseClient(services), clock, tracer)


def create_app(resources: Resources, settings: OrderSettings) -> ASGIApp:
    """The application over opened resources; does no I/O itself."""

    async def database_answers() -> None:
        async with resources.database.read() as connection:
            await repository.ping(connection)

    zone = settings.time_zone
    updates = OrderUpdates(resources.database, resources.clock, zone)
    routes = endpoints.routes(OrderReader(resources.database, zone), updates, _errands(resources, settings), zone)
    return service_app(
        routes,
        internal_keys=settings.internal_keys,
        name=SERVICE_ID,
        tracer=resources.tracer,
        checks={"database": database_answers},
    )


@asynccontextmanager
async def open_app(settings: OrderSettings, embedded: Embedded | None = None) -> AsyncIterator[ASGIApp]:
    """The whole service while inside: resources, application, registration in the directory, the sweeper.

    settings.port is the port that others can reach: it is final when this is called.
    """
    instance = this_instance(SERVICE_ID, settings.advertise_host, settings.port)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings, embedded))
        await stack.enter_async_context(running(_sweep_on(resources, settings), name="order sweeper"))
        await stack.enter_async_context(registered(resources.directory, instance))
        yield create_app(resources, settings)


def from_env() -> ServiceProcess:
    """The factory that a server such as uvicorn calls."""
    settings = OrderSettings.from_env()
    return ServiceProcess(lambda: open_app(settings))


def _errands(resources: Resources, settings: OrderSettings) -> OrderErrands:
    return OrderErrands(resources.database, resources.warehouse, resources.clock, settings, kinds=(CANCEL, SHIP))


async def _sweep_on(resources: Resources, settings: OrderSettings) -> None:
    """Finishes interrupted cancellations and shipments and forgets old answers, for ever."""
    errands = _errands(resources, settings)
    forget_at = resources.clock.monotonic()
    while True:
        try:
            await errands.sweep()
            if resources.clock.monotonic() >= forget_at:
                before = datetime.fromtimestamp(resources.clock.now(), UTC) - timedelta(days=settings.answers_kept_days)
                async with resources.database.begin() as connection:
                    await forget_answers(connection, idempotency_record, before)
                forget_at = resources.clock.monotonic() + _FORGET_EVERY_S
        except PlatformUnavailable as error:
            log.warning("the sweeper waits: %s", error)
        except Exception:  # the sweeper must outlive whatever happened: nobody else finishes what was begun
            log.exception("the sweeper failed once")
        await asyncio.sleep(settings.sweep_every_s)
