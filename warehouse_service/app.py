"""warehouse_service from the outside: its resources, its ASGI application, its process."""

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
from openplatform.sql import Database, open_database
from openplatform.tracing import Tracer
from openplatform.web import ServiceProcess, SystemClock, service_app
from warehouse_service import endpoints, repository
from warehouse_service.service import StockArrivals, StockService, WarehouseBook, WarehouseReader
from warehouse_service.settings import SERVICE_ID, WarehouseSettings
from warehouse_service.tables import idempotency_record

log = logging.getLogger(__name__)

_FORGET_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Resources:
    """What warehouse_service needs of the world."""

    database: Database
    directory: ServiceDirectory
    clock: Clock
    tracer: Tracer | None = None


@asynccontextmanager
async def open_resources(settings: WarehouseSettings, embedded: Embedded | None = None) -> AsyncIterator[Resources]:
    """Opens database and directory. Nothing is asked yet: a store that is down shows in /readyz.

    Raises SettingsError for memory:// outside the all-in-one.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        redis = await stack.enter_async_context(open_redis(settings.redis_url, embedded))
        tracer = await stack.enter_async_context(
            open_tracer(settings.otlp_url, SERVICE_ID, f"{settings.advertise_host}:{settings.port}")
        )
        yield Resources(database, RedisServiceDirectory(redis, clock), clock, tracer)


def create_app(resources: Resources, settings: WarehouseSettings) -> ASGIApp:
    """The application over opened resources; does no I/O itself."""

    async def database_answers() -> None:
        async with resources.database.read() as connection:
            await repository.ping(connection)

    database, clock, zone = resources.database, resources.clock, settings.time_zone
    routes = endpoints.routes(
        WarehouseReader(database, zone),
        WarehouseBook(database, clock, zone),
        StockService(database, clock),
        StockArrivals(database, clock),
        zone,
    )
    return service_app(
        routes,
        internal_keys=settings.internal_keys,
        name=SERVICE_ID,
        tracer=resources.tracer,
        checks={"database": database_answers},
    )


@asynccontextmanager
async def open_app(settings: WarehouseSettings, embedded: Embedded | None = None) -> AsyncIterator[ASGIApp]:
    """The whole service while inside: resources, application, registration in the directory, old answers forgotten.

    settings.port is the port that others can reach: it is final when this is called.
    """
    instance = this_instance(SERVICE_ID, settings.advertise_host, settings.port)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings, embedded))
        await stack.enter_async_context(running(_forget_on(resources, settings), name="forget old answers"))
        await stack.enter_async_context(registered(resources.directory, instance))
        yield create_app(resources, settings)


def from_env() -> ServiceProcess:
    """The factory that a server such as uvicorn calls."""
    settings = WarehouseSettings.from_env()
    return ServiceProcess(lambda: open_app(settings))


async def _forget_on(resources: Resources, settings: WarehouseSettings) -> None:
    """Forgets old answers once an hour, for ever."""
    while True:
        before = datetime.fromtimestamp(resources.clock.now(), UTC) - timedelta(days=settings.answers_kept_days)
        try:
            async with resources.database.begin() as connection:
                await forget_answers(connection, idempotency_record, before)
        except PlatformUnavailable as error:
            log.warning("old answers are not forgotten now: %s", error)
        except Exception:  # the next hour may go better
            log.exception("old answers are not forgotten now")
        await asyncio.sleep(_FORGET_EVERY_S)
