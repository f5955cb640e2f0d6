"""log_indexer from the outside: its resources, its ASGI application, its process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp

from log_indexer.backoff import HIGH_S, Backoff
from log_indexer.consumer import LogIndexing
from log_indexer.dead_letters import DeadLetterEndpoints
from log_indexer.endpoints import IndexerEndpoints
from log_indexer.metrics import IndexerMetrics
from log_indexer.progress import Progress
from log_indexer.retention import keep_in_order
from log_indexer.settings import HOLD_S, SERVICE_ID, IndexerSettings
from log_indexer.traces import trace_indexed
from openplatform.adapters.backends import open_dead_letters, open_log_consumer, open_log_store, open_tracer
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable
from openplatform.lifetime import registered, running, this_instance
from openplatform.ports import CallLogConsumer, CallLogStore, Clock, DeadLetters, ServiceDirectory
from openplatform.process_memory import keep_freed_memory
from openplatform.records import LogQuery
from openplatform.tracing import Tracer
from openplatform.web import ServiceProcess, SystemClock, service_app

log = logging.getLogger(__name__)

_MEASURE_EVERY_S = 1.0
"""One small question to the broker; a lag that was measured seconds ago would hide one that is just over its limit of 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What log_indexer needs of the world, and what it knows about its own work."""

    queue: CallLogConsumer
    dead_letters: DeadLetters
    store: CallLogStore
    directory: ServiceDirectory
    clock: Clock
    progress: Progress
    metrics: IndexerMetrics
    tracer: Tracer | None = None


@asynccontextmanager
async def open_resources(settings: IndexerSettings, embedded: Embedded | None = None) -> AsyncIterator[Resources]:
    """Opens queue, store and directory. Nothing is asked yet: a store that is down shows in /readyz.

    Raises SettingsError for memory:// outside the all-in-one.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(open_log_consumer(settings.rabbitmq_url, embedded))
        dead_letters = await stack.enter_async_context(open_dead_letters(settings.rabbitmq_url, embedded))
        store = await stack.enter_async_context(open_log_store(settings.elasticsearch_url))
        redis = await stack.enter_async_context(open_redis(settings.redis_url, embedded))
        tracer = await stack.enter_async_context(
            open_tracer(settings.otlp_url, SERVICE_ID, f"{settings.advertise_host}:{settings.port}")
        )
        yield Resources(
            queue=queue,
            dead_letters=dead_letters,
            store=store,
            directory=RedisServiceDirectory(redis, clock),
            clock=clock,
            progress=Progress(queue, clock),
            metrics=IndexerMetrics(),
            tracer=tracer,
        )


def create_app(resources: Resources, settings: IndexerSettings) -> ASGIApp:
    """The application over opened resources; does no I/O itself."""

    async def store_answers() -> None:
        await resources.store.search(LogQuery(from_ms=0, to_ms=1, size=1))

    async def store_takes_writes() -> None:
        if resources.progress.blocked:
            raise PLATFORM_UNAVAILABLE(f"make room: {resources.progress.blocked}")

    def in_use(part: str) -> str:
        store = resources.progress.store
        return "" if store is None else str(getattr(store, part))  # "" = not reached yet

    routes = IndexerEndpoints(resources.store, resources.progress, resources.clock).routes()
    return service_app(
        [*routes, *DeadLetterEndpoints(resources.dead_letters).routes()],
        internal_keys=settings.internal_keys,
        name=SERVICE_ID,
        tracer=resources.tracer,
        checks={"queue": resources.queue.depth, "store": store_answers, "store takes writes": store_takes_writes},
        facts={part: partial(in_use, part) for part in ("store", "analyzer", "finds")},
        metrics=resources.metrics.registry,
    )


@asynccontextmanager
async def open_app(settings: IndexerSettings, embedded: Embedded | None = None) -> AsyncIterator[ASGIApp]:
    """The whole service while inside: resources, application, indexing, retention, its place in the directory.

    settings.port is the port that others can reach: it is final when this is called.
    """
    instance = this_instance(SERVICE_ID, settings.advertise_host, settings.port)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings, embedded))
        retention = keep_in_order(resources.store, resources.clock, keep_days=settings.log_retention_days)
        await stack.enter_async_context(running(retention, name="drop old call logs"))
        await stack.enter_async_context(running(_measure(resources), name="measure the lag"))
        await stack.enter_async_context(indexing(resources, hold_s=settings.log_hold_s, drains=embedded is not None))
        await stack.enter_async_context(registered(resources.directory, instance))
        yield create_app(resources, settings)


@asynccontextmanager
async def indexing(resources: Resources, *, hold_s: float = HOLD_S, drains: bool = False) -> AsyncIterator[LogIndexing]:
    """Indexes while inside; at the end the bulks under way are finished.

    hold_s: how long a batch that cannot be stored is kept from the queue;
    drains: the queue lives in this process only, so everything in it is indexed before the end.
    """
    work = LogIndexing(
        resources.queue,
        resources.store,
        resources.clock,
        resources.progress,
        resources.metrics,
        backoff=lambda: Backoff(high_s=min(HIGH_S, hold_s / 4)),  # nobody sleeps past the time to give a batch back
        hold_s=hold_s,
        drains=drains,
        when_settled=None if resources.tracer is None else partial(trace_indexed, resources.tracer),
    )
    async with running(work.run(), name="index call logs"):
        try:
            yield work
        finally:
            await work.stop()


def from_env() -> ServiceProcess:
    """The factory that a server such as uvicorn calls."""
    settings = IndexerSettings.from_env()
    keep_freed_memory()
    return ServiceProcess(lambda: open_app(settings))


async def _measure(resources: Resources) -> None:
    """Keeps the gauges of lag, depth and dead letters true, for ever."""
    while True:
        try:
            lag = await resources.progress.lag()
            dead = await resources.dead_letters.count()
        except PlatformUnavailable as error:
            log.debug("the lag is not known now: %s", error)
        else:
            resources.metrics.lag_s.set(lag.lag_s)
            resources.metrics.depth.set(lag.depth)
            resources.metrics.dead_letters.set(dead)
        await asyncio.sleep(_MEASURE_EVERY_S)
