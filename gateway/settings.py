"""What a gateway process can be told from outside."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from openplatform.addresses import PRIVATE_NETWORKS
from openplatform.env import Env, Network
from openplatform.records import BreakerRules

FILTER_POSITIONS = ("pre", "routing", "post", "error")
"""Where a filter of one's own can stand."""
_FILTER = re.compile(rf"({'|'.join(FILTER_POSITIONS)})=[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PORT = re.compile(r"[1-9]\d{0,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Every field has its variable `PAILOU_<NAME>`; secrets and stores have no default."""

    redis_url: str = field(repr=False)
    rabbitmq_url: str = field(repr=False)
    internal_keys: tuple[str, ...] = field(repr=False)
    """Sent to services as X-Internal-Key (the first)."""
    master_keys: Mapping[str, bytes] = field(repr=False)
    """Opens the apps' sealed secrets."""
    time_zone: ZoneInfo
    """The platform's zone: its calendar days are what daily limits count."""
    host: str = "127.0.0.1"
    port: int = 8000
    advertise_host: str = "127.0.0.1"
    """This process's address in call logs (servIP) and in the directory."""
    node: str = ""
    """Names this process in call logs and routing keys; host name and process id by default."""
    trusted_proxies: tuple[Network, ...] = ()
    """Peers whose X-Forwarded-For is believed, and who may read /metrics and /readyz besides loopback."""
    platform_prefix: str = "taobao."
    """Dropped from the API name in an answer's root, as TOP does."""
    timestamp_window_s: int = 600
    """TOP's ten minutes, in either direction."""
    default_minute_limit: int | None = None
    """For apps without a minute limit of their own; None = none."""
    failed_signatures_per_minute: int = 120
    """Wrong signatures of one app from one address that are told so; more are told to wait. Two a second: no program that works."""
    when_limits_unavailable: Literal["local", "deny"] = "local"
    """Redis down: `local` = each process applies its share of the limits, `deny` = error 10."""
    redis_timeout_s: float = 0.05
    """How long a call waits for Redis before it is decided without it: longer than any healthy answer, short enough that a hung Redis
    does not pile calls up."""
    service_addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """service_id → fixed host:port addresses that win over registered instances."""
    breaker: BreakerRules = field(default_factory=BreakerRules)
    """Of routes without their own; a service's breaker needs twice the calls to judge."""
    api_max_concurrency: int = 256
    """One API's calls at its service at once, in this process, unless the route says otherwise."""
    service_max_concurrency: int = 512
    """All APIs' calls at one service at once, in this process: room for two APIs that hang."""
    service_networks: tuple[Network, ...] = PRIVATE_NETWORKS
    """Where instances of services may be; addresses elsewhere are not dialled, whoever registered them."""
    networks_of_services: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    """service_id → its own networks, in place of service_networks."""
    store_ports: tuple[int, ...] = (3306, 5672, 6379, 9200)
    """Ports that are dialled for no service, besides those of redis_url and rabbitmq_url: where our stores listen by default."""
    max_body_bytes: int = 10 * 1024 * 1024
    """The protocol's bound."""
    max_params: int = 256
    """The protocol's bound."""
    max_batch_calls: int = 20
    """The protocol's bound."""
    max_connections_per_address: int = 200
    """A caller's open connections; trusted proxies are exempt."""
    session_cache_entries: int = 100_000
    """About 60 MB when full; a session that falls out costs one look-up."""
    session_cache_s: float = 60.0
    """A revocation that no announcement brought is in force after this long at the latest."""
    cache_stale_s: int = 300
    """How long past its time a kept answer may stand in for a service that fails: an outage of some minutes goes unnoticed."""
    cache_max_bytes: int = 256 * 1024
    """Larger answers are not kept: Redis is shared with the limits of every call."""
    filters: tuple[str, ...] = ()
    """The operator's own, in order: `position=package.module:factory`; docs/own-filters.md."""
    spool_dir: Path | None = None
    """Where each process has a folder for call logs that the broker has not confirmed; None = memory only, in the all-in-one."""
    spool_max_bytes: int = 2 * 1024**3
    """Of one process's folder: hours of a broker that is down; past it the oldest call logs are dropped and counted."""
    otlp_url: str = ""
    """OpenTelemetry collector that takes traces over HTTP; "" = no traces."""
    trace_ratio: float = 0.01
    """Share of calls without a trace of their own that are traced: enough to see what is slow, for a hundredth of its price."""
    sample_every: int = 128
    """Of so many calls one has its stages timed for /metrics: 8 a second at 1,000 calls a second, and nothing that could be measured."""
    log_buffer_records: int = 50_000
    """Call logs kept in memory while the spool cannot be written: about 50 MB; past it the oldest are dropped and counted."""
    log_flush_s: float = 0.2
    """How long a record may wait for its batch to fill."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsError that names every variable that is missing or wrong."""
        env = Env(environ, service="gateway")
        minute_limit = env.integer("DEFAULT_MINUTE_LIMIT", 0)
        when_down = env.choice("WHEN_LIMITS_UNAVAILABLE", "local", ("local", "deny"))
        networks = env.named_networks("SERVICE_NETWORKS")
        rabbitmq_url = env.url("RABBITMQ_URL", schemes=("amqp", "amqps", "memory"), why="the way of call logs")
        settings = cls(
            redis_url=env.url(
                "REDIS_URL", schemes=("redis", "rediss", "memory"), why="limits, sessions, configuration"
            ),
            rabbitmq_url=rabbitmq_url,
            internal_keys=env.internal_keys(),
            master_keys=env.master_keys(),
            time_zone=env.time_zone(),
            host=env.text("GATEWAY_HOST", "127.0.0.1"),
            port=env.integer("GATEWAY_PORT", 8000, high=65535),
            advertise_host=env.text("ADVERTISE_HOST", "127.0.0.1"),
            node=env.text("NODE", f"{socket.gethostname()}-{os.getpid()}"),
            trusted_proxies=env.networks("TRUSTED_PROXIES"),
            platform_prefix=env.text("PLATFORM_PREFIX", "taobao."),
            timestamp_window_s=env.integer("TIMESTAMP_WINDOW_S", 600, low=1, high=86400),
            default_minute_limit=minute_limit or None,
            failed_signatures_per_minute=env.integer("FAILED_SIGNATURES_PER_MINUTE", 120, low=1),
            when_limits_unavailable="deny" if when_down == "deny" else "local",
            redis_timeout_s=env.integer("REDIS_TIMEOUT_MS", 50, low=5, high=5000) / 1000,
            service_addresses=_addresses(env.words("SERVICE_ADDRESSES")),
            breaker=BreakerRules(
                window_s=env.number("BREAKER_WINDOW_S", 10.0, low=1.0, high=300.0),
                min_calls=env.integer("BREAKER_MIN_CALLS", 20, low=1),
                failure_ratio=env.number("BREAKER_FAILURE_RATIO", 0.5, low=0.01, high=1.0),
                slow_ratio=env.number("BREAKER_SLOW_RATIO", 0.8, low=0.01, high=1.0),
                slow_ms=env.integer("BREAKER_SLOW_MS", 0, high=60_000) or None,
                open_s=env.number("BREAKER_OPEN_S", 5.0, low=0.1, high=600.0),
                permits=env.integer("BREAKER_PERMITS", 3, low=1, high=100),
            ),
            api_max_concurrency=env.integer("API_MAX_CONCURRENCY", 256, low=1),
            service_max_concurrency=env.integer("SERVICE_MAX_CONCURRENCY", 512, low=1),
            service_networks=networks.pop("", PRIVATE_NETWORKS),
            networks_of_services=networks,
            store_ports=tuple(
                int(port)
                for port in env.words("STORE_PORTS", "3306,5672,6379,9200", pattern=_PORT, rule="must be port numbers")
            ),
            max_body_bytes=env.integer("MAX_BODY_BYTES", 10 * 1024 * 1024, low=1024),
            max_params=env.integer("MAX_PARAMS", 256, low=16, high=4096),
            max_batch_calls=env.integer("MAX_BATCH_CALLS", 20, low=1, high=100),
            max_connections_per_address=env.integer("MAX_CONNECTIONS_PER_ADDRESS", 200, low=1),
            session_cache_entries=env.integer("SESSION_CACHE_ENTRIES", 100_000, low=1),
            session_cache_s=env.number("SESSION_CACHE_S", 60.0, low=0.0, high=3600.0),
            cache_stale_s=env.integer("CACHE_STALE_S", 300, low=0, high=86400),
            cache_max_bytes=env.integer("CACHE_MAX_BYTES", 256 * 1024, low=0, high=8 * 1024 * 1024),
            filters=env.words("FILTERS", pattern=_FILTER, rule="must be position=package.module:factory"),
            # A queue in this very process dies with it: nothing would be won by a disk before it.
            spool_dir=None if rabbitmq_url.startswith("memory:") else Path(env.text("SPOOL_DIR", "var/spool")),
            spool_max_bytes=env.integer("SPOOL_MAX_BYTES", 2 * 1024**3, low=1024**2, high=2**50),
            otlp_url=env.otlp_url(),
            trace_ratio=env.number("TRACE_RATIO", 0.01, high=1.0),
            sample_every=env.integer("SAMPLE_EVERY", 128, low=1),
            log_buffer_records=env.integer("LOG_BUFFER_RECORDS", 50_000, low=500),
            log_flush_s=env.number("LOG_FLUSH_S", 0.2, low=0.001, high=5.0),
        )
        env.finish()
        return settings


def _addresses(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """`order-service=10.0.0.5:8013|10.0.0.6:8013`: one word per service."""
    named = (word.partition("=") for word in words)
    return {service_id: tuple(a for a in addresses.split("|") if a) for service_id, _, addresses in named}
