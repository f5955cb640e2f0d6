"""What log_indexer is told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from openplatform.env import Env

SERVICE_ID = "log-indexer"
HOLD_S = 600.0
"""RabbitMQ takes the channel of a consumer that keeps a message for 30 minutes (`consumer_timeout`): long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexerSettings:
    """Settings of log_indexer; `PAILOU_` + the name of Env below is the variable.

    rabbitmq_url: the log queue, amqp(s) or, in the all-in-one, memory; no default, since it holds a password.
    elasticsearch_url: the log store, http(s) or sqlite:///file; no default for the same reason.
    redis_url: where instances register.
    internal_keys: shared secrets of gateway and services, all are accepted.
    log_retention_days: call logs of so many days stay searchable, today not counted; a month is what a search can span.
    log_hold_s: how long a batch that cannot be stored is kept from the broker; a third of its `consumer_timeout`.
    host, port: where it listens; 8011 is the platform's port for the indexer. Loopback unless told otherwise.
    advertise_host: the address under which the others reach it.
    otlp_url: OpenTelemetry collector that takes traces over HTTP; "" = no traces.
    """

    rabbitmq_url: str = field(repr=False)
    elasticsearch_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    internal_keys: tuple[str, ...] = field(repr=False)
    log_retention_days: int = 30
    log_hold_s: float = HOLD_S
    host: str = "127.0.0.1"
    port: int = 8011
    advertise_host: str = "127.0.0.1"
    otlp_url: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsError with one line per missing or wrong variable."""
        env = Env(environ, service="log_indexer")
        settings = cls(
            rabbitmq_url=env.url("RABBITMQ_URL", schemes=("amqp", "amqps", "memory"), why="the queue of call logs"),
            elasticsearch_url=env.url(
                "ELASTICSEARCH_URL", schemes=("http", "https", "sqlite"), why="the store of call logs"
            ),
            redis_url=env.url("REDIS_URL", schemes=("redis", "rediss", "memory"), why="where instances register"),
            internal_keys=env.internal_keys(),
            log_retention_days=env.integer("LOG_RETENTION_DAYS", 30, low=1, high=3650),
            log_hold_s=env.number("LOG_HOLD_S", HOLD_S, low=1, high=86_400),
            host=env.text("INDEXER_HOST", "127.0.0.1"),
            port=env.integer("INDEXER_PORT", 8011, low=1, high=65535),
            advertise_host=env.text("ADVERTISE_HOST", "127.0.0.1"),
            otlp_url=env.otlp_url(),
        )
        env.finish()
        return settings
