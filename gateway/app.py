"""The gateway's composition root: opens stores, puts the parts together, keeps the background work going, closes in reverse."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import orjson
from starlette.types import ASGIApp

from gateway.answer_cache import AnswerCache
from gateway.catalog import Catalog
from gateway.charges import Charges
from gateway.clock_skew import ClockSkew
from gateway.endpoint import GatewayEndpoint
from gateway.front import FrontBounds, front_protocol, raise_descriptor_limit
from gateway.front.lane import LANE
from gateway.guards import Guards
from gateway.metric_sources import metric_source
from gateway.metrics import GatewayMetrics
from gateway.own_filters import load_own_filters
from gateway.pipeline import build_batch, build_pipeline
from gateway.resources import Peers, Resources
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings
from gateway.spool import LogSpool
from gateway.tracing import Traces
from gateway.turn_end import TurnEnd
from gateway.upstream import dial_rules, open_upstreams
from openplatform.adapters.backends import open_charge_publisher, open_log_publisher, open_tracer
from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.catalog_redis import RedisCatalogReader
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_memory import MemoryQuotaCounter
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.redis_client import open_redis
from openplatform.adapters.redis_wire import RedisWire, can_wire
from openplatform.adapters.response_cache_redis import RedisResponseCache
from openplatform.adapters.sessions_redis import RedisSessionStore
from openplatform.adapters.signatures_redis import RedisUsedSignatures
from openplatform.adapters.store_time_redis import RedisStoreTime
from openplatform.lifetime import draining, this_instance
from openplatform.metrics import CONTENT_TYPE_LATEST, Source, exposition, siblings
from openplatform.process_memory import keep_freed_memory, spare_the_collector, use_huge_pages
from openplatform.records import Instance, ProcessReport
from openplatform.sealing import Seal
from openplatform.web import ServiceProcess, SystemClock, registered, running

log = logging.getLogger(__name__)

FLUSH_S = 4.0
"""How long a stopping process tries to hand over its last charges, and then its last call logs: both fit into the 10 s that a
stop allows. Neither is lost with it: charges are booked from their reservations, call logs stay in the spool."""
FIRST_CATALOGUE_S = 2.0
"""How long a start waits for the catalogue; without it the process runs, not ready."""


@asynccontextmanager
async def open_resources(settings: GatewaySettings, embedded: Embedded | None = None) -> AsyncIterator[Resources]:
    """Everything that the filters share, with its background work going on. Raises SettingsError."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        hot = await stack.enter_async_context(
            open_redis(settings.redis_url, embedded, timeout_s=settings.redis_timeout_s, max_connections=32)
        )
        wire = None
        if can_wire(settings.redis_url):
            wire = RedisWire(settings.redis_url, timeout_s=settings.redis_timeout_s)
            stack.callback(wire.close)
        background = await stack.enter_async_context(open_redis(settings.redis_url, embedded))
        directory = RedisServiceDirectory(background, clock)
        publisher = await stack.enter_async_context(open_log_publisher(settings.rabbitmq_url, embedded))
        upstreams = await stack.enter_async_context(
            open_upstreams(directory, pinned=settings.service_addresses, rules=dial_rules(settings))
        )

        catalog = Catalog(
            RedisCatalogReader(background), Seal(settings.master_keys), platform_prefix=settings.platform_prefix
        )
        sessions = Sessions(
            RedisSessionStore(hot, wire=wire),
            clock,
            max_entries=settings.session_cache_entries,
            keep_s=settings.session_cache_s,
        )
        logs = LogSpool(
            partial(publisher.publish, node=settings.node),
            root=settings.spool_dir,
            max_bytes=settings.spool_max_bytes,
            max_records=settings.log_buffer_records,
            flush_s=settings.log_flush_s,
        )
        await stack.enter_async_context(logs.open(flush_s=FLUSH_S))

        charge_queue = await stack.enter_async_context(open_charge_publisher(settings.rabbitmq_url, embedded))
        charges = Charges(RedisBalances(background), charge_queue, node=settings.node)
        stack.push_async_callback(_hand_over_charges, charges)
        await stack.enter_async_context(running(charges.run(), name="charges"))
        cache_wire = None
        if wire is not None:
            cache_wire = RedisWire(settings.redis_url, timeout_s=settings.redis_timeout_s)
            stack.callback(cache_wire.close)
        answers = AnswerCache(
            RedisResponseCache(hot, clock, wire=cache_wire),
            clock,
            stale_s=settings.cache_stale_s,
            max_bytes=settings.cache_max_bytes,
        )
        stack.push_async_callback(answers.finish)

        first = asyncio.create_task(catalog.refresh(sessions.drop))
        await asyncio.wait([first], timeout=FIRST_CATALOGUE_S)
        if first.done():
            first.result()  # a wrong master key refuses the start
        else:  # Redis is slow, or there is much to read: `follow` waits for it and goes on from there
            stack.callback(first.cancel)
            first.add_done_callback(_notice)
        await stack.enter_async_context(running(catalog.follow(sessions.drop), name="catalogue"))
        clock_skew = ClockSkew(RedisStoreTime(background), clock)
        await clock_skew.look()
        await stack.enter_async_context(running(clock_skew.follow(), name="clock"))
        peers = Peers(directory)
        await stack.enter_async_context(running(peers.follow(), name="peers"))
        # Processes share one port: the node tells their beats apart.
        me = this_instance("gateway", settings.node, settings.port)
        guards = Guards(
            rules=settings.breaker,
            api_limit=settings.api_max_concurrency,
            service_limit=settings.service_max_concurrency,
        )
        report = partial(_report, me, catalog, clock_skew, logs, guards, settings.default_minute_limit or 0)
        await stack.enter_async_context(registered(directory, me, report, news=catalog.news))
        tracer = await stack.enter_async_context(open_tracer(settings.otlp_url, "gateway", settings.node))
        traces = None
        if tracer is not None or settings.trusted_proxies:
            traces = Traces(tracer, ratio=settings.trace_ratio, trusted=settings.trusted_proxies)
        turn_end = TurnEnd(asyncio.get_running_loop())
        turn_end.before_leaving.append(logs.write_turn)
        yield Resources(
            catalog=catalog,
            sessions=sessions,
            quota=RedisQuotaCounter(hot, clock, settings.time_zone, wire=wire),
            answers=answers,
            balances=RedisBalances(hot),
            signatures=RedisUsedSignatures(hot, wire=wire),
            local_quota=MemoryQuotaCounter(clock, settings.time_zone),
            peers=peers,
            upstreams=upstreams,
            guards=guards,
            logs=logs,
            log_publisher=publisher,
            charges=charges,
            metrics=GatewayMetrics(),
            clock=clock,
            clock_skew=clock_skew,
            turn_end=turn_end,
            traces=traces,
            serv_ip=await _numeric(settings.advertise_host),
        )


def create_app(resources: Resources, settings: GatewaySettings) -> ASGIApp:
    """The gateway as an ASGI application over open resources. Raises SettingsError for a filter of one's own that is broken."""
    pipeline = build_pipeline(resources, settings, load_own_filters(resources, settings))
    metrics = metric_source(resources)
    siblings.answer_with(metrics)
    return GatewayEndpoint(
        pipeline,
        build_batch(pipeline, resources, settings),
        resources.clock,
        max_body_bytes=settings.max_body_bytes,
        trusted_proxies=settings.trusted_proxies,
        probes={
            "/healthz": partial(_healthz),
            "/readyz": partial(_readyz, resources),
            "/metrics": partial(_metrics, metrics),
        },
        turn_end=resources.turn_end,
        sample_every=settings.sample_every,
        internal_keys=settings.internal_keys,
        traces=resources.traces,
    )


@asynccontextmanager
async def open_app(settings: GatewaySettings, embedded: Embedded | None = None) -> AsyncIterator[ASGIApp]:
    """The running gateway, for a server, the all-in-one and tests."""
    async with open_resources(settings, embedded) as resources:
        yield create_app(resources, settings)


def from_env() -> ServiceProcess:
    """What a server loads: settings are read now, resources open in the worker's own loop."""
    settings = GatewaySettings.from_env()

    @asynccontextmanager
    async def open_tuned() -> AsyncIterator[ASGIApp]:
        raise_descriptor_limit()
        keep_freed_memory()
        async with open_app(settings) as app:
            spare_the_collector()
            use_huge_pages()
            yield app

    return ServiceProcess(open_tuned, state=lane_of)


def lane_of(app: ASGIApp) -> dict[str, object]:
    """What lets the front's connections hand calls to the application past ASGI."""
    return {LANE: app}


def _notice(first: asyncio.Task[None]) -> None:
    if not first.cancelled():
        first.exception()  # `follow` meets the same and says so


async def _hand_over_charges(charges: Charges) -> None:
    left = await charges.flush(timeout_s=FLUSH_S)
    if left:
        log.error("%d charges were not taken by the broker: they will be booked from their reservations", left)


def _report(
    me: Instance, catalog: Catalog, clock_skew: ClockSkew, logs: LogSpool, guards: Guards, minute_limit: int
) -> ProcessReport:
    """What operators see of this process. minute_limit: 0 = none."""
    return ProcessReport(
        node=me.host,
        version=me.version,
        started_at_ms=me.started_at_ms,
        figures={
            "config_version": catalog.version,
            "clock_skew_s": round(clock_skew.seconds, 3) + 0.0,  # no -0.0
            "log_spool_bytes": logs.bytes,
            "log_spool_entries": logs.waiting,
            "log_dropped": logs.dropped.total(),
            "log_trouble": logs.trouble,
            "log_trouble_code": logs.trouble_code,
            "breakers": guards.not_closed(),
            "default_minute_limit": minute_limit,
        },
    )


def _healthz() -> tuple[int, str, bytes]:
    return 200, "application/json", b'{"status":"ok"}'


def _readyz(resources: Resources) -> tuple[int, str, bytes]:
    """Not ready without a catalogue, with a wrong clock, and while draining. A store that is down is shown and does not count:
    calls go on without."""
    catalog, clock_skew = resources.catalog, resources.clock_skew
    ready = catalog.is_loaded and clock_skew.is_tolerable and not draining.began
    state = {
        "status": "ok" if ready else "unavailable",
        "catalogue": {"version": catalog.version, "apps": len(catalog.apps), "routes": len(catalog.routes)},
        "checks": {
            "process": "stopping" if draining.began else "ok",
            "catalogue": "ok" if catalog.is_loaded else "not loaded yet",
            "clock": "ok" if clock_skew.is_tolerable else f"{clock_skew.seconds:+.0f} s from Redis'",
            "redis": "ok" if catalog.reachable else "unreachable",
            "call_logs_waiting": resources.logs.waiting,
            "call_logs_spool": resources.logs.trouble or "ok",
            "breakers_not_closed": resources.guards.not_closed(),
            "charges_waiting": resources.charges.waiting,
        },
    }
    return (200 if ready else 503), "application/json", orjson.dumps(state)


async def _metrics(source: Source) -> tuple[int, str, bytes]:
    return 200, CONTENT_TYPE_LATEST, await exposition(source)


async def _numeric(host: str) -> str:
    """The address as call logs hold it: names are resolved once, at start."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


def http_protocol(settings: GatewaySettings) -> type:
    """The protocol class that a server of the uvicorn family is to read connections with: bounds what comes in."""
    return front_protocol(
        FrontBounds(
            max_body_bytes=settings.max_body_bytes,
            max_connections_per_address=settings.max_connections_per_address,
            trusted_proxies=settings.trusted_proxies,
        )
    )
