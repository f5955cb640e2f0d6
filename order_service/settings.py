"""What order_service is told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo

from openplatform.env import Env

SERVICE_ID = "order-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """Settings of order_service; `PAILOU_` + the name of Env below is the variable.

    database_url: its own database, mysql+asyncmy or sqlite+aiosqlite; no default, since it holds a password.
    redis_url: where instances register.
    internal_keys: shared secrets of gateway and services, the first is sent, all are accepted.
    time_zone: in which times are read and written; the platform's.
    host, port: where it listens; 8013 is the platform's port for orders. Loopback unless told otherwise.
    advertise_host: the address under which the others reach it.
    otlp_url: OpenTelemetry collector that takes traces over HTTP; "" = no traces.
    warehouse_addresses: fixed `host:port` of warehouse_service in place of the directory; () = ask the directory.
    warehouse_timeout_s: for one step in the warehouse; below the gateway's 3 s, so that the caller still hears from us.
    sweep_every_s: how often unfinished cancellations and shipments are looked for; a look that finds nothing is one indexed query.
    sweep_after_s: age of one that the sweeper takes up; above the 3 s that the call itself may still be working.
    answers_kept_days: how long answers are kept for calls that come again; far above any retry of a caller.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    internal_keys: tuple[str, ...] = field(repr=False)
    time_zone: ZoneInfo
    host: str = "127.0.0.1"
    port: int = 8013
    advertise_host: str = "127.0.0.1"
    otlp_url: str = ""
    warehouse_addresses: tuple[str, ...] = ()
    warehouse_timeout_s: float = 2.0
    sweep_every_s: float = 5.0
    sweep_after_s: float = 10.0
    answers_kept_days: int = 7

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsError with one line per missing or wrong variable."""
        env = Env(environ, service="order_service")
        settings = cls(
            database_url=env.url(
                "ORDER_DATABASE_URL", schemes=("mysql+asyncmy", "sqlite+aiosqlite"), why="the order database"
            ),
            redis_url=env.url("REDIS_URL", schemes=("redis", "rediss", "memory"), why="where instances register"),
            internal_keys=env.internal_keys(),
            time_zone=env.time_zone(),
            host=env.text("ORDERS_HOST", "127.0.0.1"),
            port=env.integer("ORDERS_PORT", 8013, low=1, high=65535),
            advertise_host=env.text("ADVERTISE_HOST", "127.0.0.1"),
            otlp_url=env.otlp_url(),
            warehouse_addresses=env.words("WAREHOUSE_ADDRESSES"),
            warehouse_timeout_s=env.number("ORDERS_WAREHOUSE_TIMEOUT_S", 2.0, low=0.1, high=60),
            sweep_every_s=env.number("ORDERS_SWEEP_EVERY_S", 5.0, low=0.1, high=3600),
            sweep_after_s=env.number("ORDERS_SWEEP_AFTER_S", 10.0, low=1, high=3600),
            answers_kept_days=env.integer("ORDERS_ANSWERS_KEPT_DAYS", 7, low=1, high=365),
        )
        env.finish()
        return settings
