"""admin_api from the outside: its resources, its ASGI application, its process."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from admin_api.access.jobs import forget_old_logins
from admin_api.access.repository.users import there_are_users
from admin_api.access.service.users import make_first_administrator
from admin_api.alerts.service.monitor import MONITOR
from admin_api.analytics.service.search import INDEXER, Analytics
from admin_api.api_routes import api_routers
from admin_api.apps.jobs import retire_secrets
from admin_api.apps.service.bench import Bench, open_bench_client
from admin_api.apps.service.secrets import prove_secrets_open
from admin_api.billing.jobs.accounts import Accounts, keeping
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.console.frame import Console
from admin_api.console.parts import Parts
from admin_api.console.routes import console_pages
from admin_api.console.views import Views
from admin_api.machines import machine_routes
from admin_api.outbox.changes import Changes
from admin_api.outbox.counters import CounterKeeping
from admin_api.outbox.desk import ChangeDesk
from admin_api.outbox.relay import Relay
from admin_api.resources import Resources
from admin_api.security.doorway import Doorway
from admin_api.security.guard import Guard
from admin_api.security.last_known import LastKnown
from admin_api.security.metrics import AdminMetrics
from admin_api.security.openapi import API_PREFIX, DEFAULT_ANSWERS, describe, operation_id
from admin_api.security.passwords import Passwords
from admin_api.security.problems import EXCEPTION_HANDLERS
from admin_api.security.sessions import Sessions
from admin_api.security.signin import SignIn
from admin_api.settings import SERVICE_ID, AdminSettings
from admin_api.tables.schema import refuse_other_schema
from openplatform import __version__
from openplatform.adapters.backends import open_charge_consumer, open_charge_publisher
from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.catalog_redis import RedisCatalogWriter
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.ranking_redis import RedisApiRanking
from openplatform.adapters.redis_client import open_redis
from openplatform.addresses import parse_address
from openplatform.errors import SettingsError
from openplatform.lifetime import registered, running, this_instance
from openplatform.ports import (
    Clock,
)
from openplatform.sealing import Seal
from openplatform.service_client import open_service_client
from openplatform.sql import open_database
from openplatform.web import ServiceProcess, SystemClock

log = logging.getLogger(__name__)

DATABASE_AWAY_S = 1.0
"""A page asks its database five times and more: once it does not answer, none of them waits 3 s for it."""


@asynccontextmanager
async def open_resources(
    settings: AdminSettings, embedded: Embedded | None = None, *, clock: Clock | None = None
) -> AsyncIterator[Resources]:
    """Opens database, Redis and client. Nothing is asked yet. clock: one that tests turn.

    Raises SettingsError for memory:// outside the all-in-one and for master keys that are none.
    """
    clock = clock or SystemClock()
    seal = Seal(settings.master_keys)
    pinned = {INDEXER: settings.indexer_addresses} if settings.indexer_addresses else {}
    if settings.monitor_addresses:
        pinned[MONITOR] = settings.monitor_addresses
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url, refuse_s=DATABASE_AWAY_S))
        redis = await stack.enter_async_context(open_redis(settings.redis_url, embedded))
        directory = RedisServiceDirectory(redis, clock)
        client = open_service_client(directory, internal_key=settings.internal_keys[0], pinned=pinned)
        writer = RedisCatalogWriter(redis)
        metrics, last_known = AdminMetrics(), LastKnown()
        counters = RedisQuotaSnapshot(redis)
        relay = Relay(database, writer, counters, clock, metrics)
        balances = RedisBalances(redis)
        yield Resources(
            database=database,
            catalog_writer=writer,
            quota=RedisQuotaCounter(redis, clock, settings.time_zone),
            counters=counters,
            ranking=RedisApiRanking(redis),
            directory=directory,
            services=await stack.enter_async_context(client),
            clock=clock,
            seal=seal,
            passwords=Passwords(),
            metrics=metrics,
            relay=relay,
            changes=Changes(database, clock, relay, last_known),
            last_known=last_known,
            bench=Bench(
                await stack.enter_async_context(open_bench_client()),
                settings.gateway_url,
                clock,
                internal_key=settings.internal_keys[0],
            ),
            accounts=Accounts(
                database,
                charges=await stack.enter_async_context(open_charge_consumer(settings.rabbitmq_url, embedded)),
                marks=await stack.enter_async_context(open_charge_publisher(settings.rabbitmq_url, embedded)),
                balances=balances,
                in_redis=BalancesInRedis(database, balances),
                clock=clock,
                metrics=metrics,
            ),
        )


def create_app(resources: Resources, settings: AdminSettings) -> ASGIApp:
    """The application over opened resources; does no I/O itself."""
    sessions = Sessions(resources.database, resources.clock, resources.last_known)
    guard = Guard(sessions, is_behind_tls=settings.is_behind_tls)
    sign_in = SignIn(resources.database, resources.passwords, sessions, resources.metrics)
    app = FastAPI(
        title="Pailou admin API",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=settings.body_limit_bytes,
        exception_handlers=EXCEPTION_HANDLERS,
        generate_unique_id_function=operation_id,
    )
    app.state.guard = guard
    app.state.desk = ChangeDesk(resources.changes, resources.relay, resources.seal, settings.time_zone)
    for router in api_routers(resources, settings, sessions, guard, sign_in):
        app.include_router(router, prefix=API_PREFIX, responses=DEFAULT_ANSWERS)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's own way of changing the document
    parts = _console_parts(resources, settings, sessions, guard, sign_in)
    app.state.console = parts.console
    for router in console_pages(parts):
        app.include_router(router)
    app.router.routes.extend(machine_routes(resources.database, resources.metrics, settings.internal_keys))
    return Doorway(app, trusted_proxies=settings.trusted_proxies, is_behind_tls=settings.is_behind_tls)


@asynccontextmanager
async def open_app(settings: AdminSettings, embedded: Embedded | None = None) -> AsyncIterator[ASGIApp]:
    """The whole service while inside: resources, application, registration, relay, jobs.

    Raises SettingsError when the database is not migrated or the master keys do not open its secrets. settings.port is the port
    that others can reach.
    """
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings, embedded))
        await _prove(resources, settings, is_all_in_one=embedded is not None)
        await stack.enter_async_context(running(resources.relay.run(), name="relay of changes"))
        counters = CounterKeeping(resources.database, resources.counters)
        await stack.enter_async_context(running(counters.run(), name="counters for a Redis that loses them"))
        await stack.enter_async_context(running(forget_old_logins(resources.changes), name="end of old logins"))
        await stack.enter_async_context(running(retire_secrets(resources.changes), name="end of replaced secrets"))
        await stack.enter_async_context(
            keeping(resources.accounts, node=SERVICE_ID, is_all_in_one=embedded is not None)
        )
        instance = this_instance(SERVICE_ID, settings.advertise_host, settings.port)
        await stack.enter_async_context(registered(resources.directory, instance))
        yield create_app(resources, settings)


def from_env() -> ServiceProcess:
    """The factory that a server such as uvicorn calls."""
    settings = AdminSettings.from_env()
    return ServiceProcess(lambda: open_app(settings))


async def _prove(resources: Resources, settings: AdminSettings, *, is_all_in_one: bool) -> None:
    await refuse_other_schema(resources.database)
    async with resources.database.read() as connection:
        await prove_secrets_open(connection, resources.seal)
        is_new = not await there_are_users(connection)
    host = parse_address(settings.host)
    if not settings.is_behind_tls and not (host is not None and host.is_loopback):
        log.warning("it listens beyond this machine without TLS in front: sessions can be read on the way")
    if not settings.first_email:
        if is_new:
            log.warning("nobody can sign in yet: set PAILOU_ADMIN_EMAIL and PAILOU_ADMIN_PASSWORD and start again")
        return
    try:
        made = await make_first_administrator(
            resources.changes,
            resources.passwords,
            email=settings.first_email,
            password=settings.first_password,
            must_change_password=not is_all_in_one,
        )
    except ValueError as error:
        raise SettingsError(f"PAILOU_ADMIN_EMAIL, PAILOU_ADMIN_PASSWORD: {error}") from None
    if made:
        log.info("made the first administrator, %s", settings.first_email)


def _console_parts(
    resources: Resources, settings: AdminSettings, sessions: Sessions, guard: Guard, sign_in: SignIn
) -> Parts:
    return Parts(
        console=Console(
            Views(resources.database, sessions, guard),
            settings.time_zone,
            resources.clock,
            is_cut_off=lambda: resources.relay.is_cut_off,
            is_read_only=lambda: resources.database.is_away,
        ),
        settings=settings,
        database=resources.database,
        changes=resources.changes,
        relay=resources.relay,
        seal=resources.seal,
        quota=resources.quota,
        ranking=resources.ranking,
        directory=resources.directory,
        services=resources.services,
        clock=resources.clock,
        passwords=resources.passwords,
        sessions=sessions,
        sign_in=sign_in,
        guard=guard,
        analytics=Analytics(resources.database, resources.services, settings.time_zone),
        balances=resources.accounts.in_redis,
        bench=resources.bench,
        health=resources.health,
    )
