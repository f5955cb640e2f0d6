"""monitor from the outside: its resources, its ASGI application, its process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp

from monitor.clients import INDEXER, LogIndexerClient
from monitor.endpoints.alerts import AlertEndpoints
from monitor.endpoints.mails import MailEndpoints
from monitor.endpoints.rules import RuleEndpoints
from monitor.endpoints.shown import Shown
from monitor.job import running_jobs
from monitor.repository.windows import last_window
from monitor.service.affected import CallStatistics
from monitor.service.delivery import Delivery
from monitor.service.evaluation import Evaluation
from monitor.service.judgement import Patience
from monitor.service.letters import Letterhead
from monitor.service.metrics import MonitorMetrics
from monitor.service.post import StormCap
from monitor.service.quota import AppUsage
from monitor.service.trial import Trial
from monitor.service.watch import Watch
from monitor.settings import SERVICE_ID, MonitorSettings
from openplatform.adapters.app_usage_redis import RedisAppUsage
from openplatform.adapters.backends import open_mailer
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.leader_lock_redis import RedisLeaderLock
from openplatform.adapters.redis_client import open_redis
from openplatform.lifetime import registered, this_instance
from openplatform.ports import Clock, LeaderLock, Mailer, ServiceDirectory
from openplatform.service_client import open_service_client
from openplatform.sql import Database, open_database
from openplatform.web import ServiceProcess, SystemClock, service_app


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What monitor needs of the world, and its figures."""

    database: Database
    directory: ServiceDirectory
    lock: LeaderLock
    statistics: CallStatistics
    usage: AppUsage
    mailer: Mailer
    clock: Clock
    metrics: MonitorMetrics


@asynccontextmanager
async def open_resources(settings: MonitorSettings, embedded: Embedded | None = None) -> AsyncIterator[Resources]:
    """Opens database, Redis, the way to log_indexer and the mailer. Nothing is asked yet: a store that is down shows later.

    Raises SettingsError for memory:// outside the all-in-one and for a mailer that cannot work.
    """
    clock = SystemClock()
    mailer = open_mailer(settings.mailer_url, settings.mail_from)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        redis = await stack.enter_async_context(open_redis(settings.redis_url, embedded))
        directory = RedisServiceDirectory(redis, clock)
        pinned = {INDEXER: settings.indexer_addresses} if settings.indexer_addresses else None
        services = await stack.enter_async_context(
            open_service_client(directory, internal_key=settings.internal_keys[0], pinned=pinned)
        )
        yield Resources(
            database=database,
            directory=directory,
            lock=RedisLeaderLock(redis, clock, lifetime_s=settings.lock_s, renew_every_s=settings.lock_s / 3),
            statistics=LogIndexerClient(services),
            usage=RedisAppUsage(redis),
            mailer=mailer,
            clock=clock,
            metrics=MonitorMetrics(),
        )


def create_watch(resources: Resources, settings: MonitorSettings) -> Watch:
    """The work of a tick over opened resources."""
    patience = Patience(clean_windows=settings.alert_clean_windows, reminder_s=settings.alert_reminder_s)
    evaluation = Evaluation(
        resources.database,
        resources.statistics,
        resources.usage,
        resources.clock,
        patience=patience,
        head=_letterhead(settings),
        cap=StormCap(mails=settings.alert_mails_per_hour, digest_s=settings.alert_reminder_s),
    )
    return Watch(resources.database, resources.lock, evaluation, resources.clock, resources.metrics, settings)


def create_delivery(resources: Resources, settings: MonitorSettings) -> Delivery:
    """The sender of mails over opened resources."""
    return Delivery(
        resources.database, resources.mailer, resources.clock, resources.metrics, retry_s=settings.alert_retry_s
    )


def create_app(resources: Resources, settings: MonitorSettings, watch: Watch) -> ASGIApp:
    """The application over opened resources; does no I/O itself. Without Redis the monitor works on, so it is no check."""

    async def database_answers() -> None:
        await last_window(resources.database)

    database, clock, zone, shown = resources.database, resources.clock, settings.time_zone, Shown(settings.time_zone)
    trial = Trial(database, create_delivery(resources, settings), clock, _letterhead(settings))
    return service_app(
        [
            *RuleEndpoints(database, trial, clock, zone, shown).routes(),
            *AlertEndpoints(database, clock, zone, shown).routes(),
            *MailEndpoints(database, clock, zone, shown).routes(),
        ],
        internal_keys=settings.internal_keys,
        name=SERVICE_ID,
        checks={"database": database_answers},
        facts={"leads": watch.leads, "fencing": watch.fencing},
        metrics=resources.metrics.registry,
    )


@asynccontextmanager
async def open_app(settings: MonitorSettings, embedded: Embedded | None = None) -> AsyncIterator[ASGIApp]:
    """The whole service while inside: resources, application, the ticks, the mail sender, its place in the directory."""
    instance = this_instance(SERVICE_ID, settings.advertise_host, settings.port)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings, embedded))
        watch, delivery = create_watch(resources, settings), create_delivery(resources, settings)
        await stack.enter_async_context(
            running_jobs(watch, delivery, every_s=settings.every_s, delay_s=settings.delay_s)
        )
        await stack.enter_async_context(registered(resources.directory, instance))
        yield create_app(resources, settings, watch)


def _letterhead(settings: MonitorSettings) -> Letterhead:
    return Letterhead(domain=settings.mail_domain, zone=settings.time_zone, console_url=settings.console_url)


def from_env() -> ServiceProcess:
    """The factory that a server such as uvicorn calls."""
    settings = MonitorSettings.from_env()
    return ServiceProcess(lambda: open_app(settings))
