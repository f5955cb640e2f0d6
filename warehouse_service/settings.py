"""What warehouse_service is told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo

from openplatform.env import Env

SERVICE_ID = "warehouse-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSettings:
    """Settings of warehouse_service; `PAILOU_` + the name of Env below is the variable.

    database_url: its own database, mysql+asyncmy or sqlite+aiosqlite; no default, since it holds a password.
    redis_url: where instances register.
    internal_keys: shared secrets of gateway and services, all are accepted.
    time_zone: in which times are written; the platform's.
    host, port: where it listens; 8014 is the platform's port for the warehouse. Loopback unless told otherwise.
    advertise_host: the address under which the others reach it.
    otlp_url: OpenTelemetry collector that takes traces over HTTP; "" = no traces.
    answers_kept_days: how long answers are kept for calls that come again; far above any retry of a caller.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    internal_keys: tuple[str, ...] = field(repr=False)
    time_zone: ZoneInfo
    host: str = "127.0.0.1"
    port: int = 8014
    advertise_host: str = "127.0.0.1"
    otlp_url: str = ""
    answers_kept_days: int = 7

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsError with one line per missing or wrong variable."""
        env = Env(environ, service="warehouse_service")
        settings = cls(
            database_url=env.url(
                "WAREHOUSE_DATABASE_URL", schemes=("mysql+asyncmy", "sqlite+aiosqlite"), why="the warehouse database"
            ),
            redis_url=env.url("REDIS_URL", schemes=("redis", "rediss", "memory"), why="where instances register"),
            internal_keys=env.internal_keys(),
            time_zone=env.time_zone(),
            host=env.text("WAREHOUSE_HOST", "127.0.0.1"),
            port=env.integer("WAREHOUSE_PORT", 8014, low=1, high=65535),
            advertise_host=env.text("ADVERTISE_HOST", "127.0.0.1"),
            otlp_url=env.otlp_url(),
            answers_kept_days=env.integer("WAREHOUSE_ANSWERS_KEPT_DAYS", 7, low=1, high=365),
        )
        env.finish()
        return settings
