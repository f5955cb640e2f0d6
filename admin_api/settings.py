"""What admin_api reads from its environment, once, at start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo

from openplatform.env import Env, Network
from openplatform.records import MAIL_ADDRESS

SERVICE_ID = "admin-api"


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """Settings of admin_api. The environment's names are `PAILOU_` + the name in capitals, with ADMIN_ where it says so."""

    database_url: str = field(repr=False)
    """PAILOU_ADMIN_DATABASE_URL: `mysql+asyncmy://…` or `sqlite+aiosqlite:///file`; the truth about everything operators edit."""

    redis_url: str = field(repr=False)
    """`redis://…`, or `memory://` in the all-in-one: where gateways learn of changes, and where calls are counted."""

    rabbitmq_url: str = field(repr=False)
    """`amqp://…`, or `memory://` in the all-in-one: where the charges of calls come from."""

    internal_keys: tuple[str, ...] = field(repr=False)
    """What services know each other by; the first is sent, all are accepted. No default: it is a secret."""

    master_keys: Mapping[str, bytes] = field(repr=False)
    """Key id → 32 bytes that seal app secrets; the first seals, all open. No default: it is a secret."""

    first_email: str = ""
    """PAILOU_ADMIN_EMAIL: login name of the first administrator, made when there is no user yet; empty = none is made."""

    first_password: str = field(default="", repr=False)
    """PAILOU_ADMIN_PASSWORD: that administrator's password, to be changed at the first login (not in the all-in-one)."""

    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    """The platform's zone: times in answers, the ranking's day. The platform's users are in China."""

    host: str = "127.0.0.1"
    """PAILOU_ADMIN_HOST, where it listens: loopback, since without TLS in front the cookie must not cross a network."""

    port: int = 8001
    """PAILOU_ADMIN_PORT; the port of the console in every example."""

    advertise_host: str = "127.0.0.1"
    """The host name under which other services reach this process."""

    is_behind_tls: bool = False
    """PAILOU_ADMIN_BEHIND_TLS: true = the cookie is `__Host-sid` with Secure; false suits plain HTTP on loopback."""

    trusted_proxies: tuple[Network, ...] = ()
    """Peers whose X-Forwarded-For is believed; it decides whose failed logins lock an address."""

    indexer_addresses: tuple[str, ...] = ()
    """Fixed `host:port` of log_indexer; none = ask the directory."""

    monitor_addresses: tuple[str, ...] = ()
    """Fixed `host:port` of monitor; none = ask the directory."""

    gateway_url: str = "http://127.0.0.1:8000/router/rest"
    """PAILOU_GATEWAY_URL: where the test bench sends its calls; the gateway's port in every example, as `pailou sign` has it."""

    body_limit_bytes: int = 1024 * 1024
    """PAILOU_ADMIN_BODY_LIMIT_BYTES: a route with a 64 KiB schema and example fits many times; more than this is refused."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsError that names every variable that is missing or wrong."""
        env = Env(environ, service="admin_api")
        settings = cls(
            database_url=env.url(
                "ADMIN_DATABASE_URL", schemes=("mysql+asyncmy", "sqlite+aiosqlite"), why="admin_api's database"
            ),
            redis_url=env.url("REDIS_URL", schemes=("redis", "rediss", "memory"), why="how gateways learn of changes"),
            rabbitmq_url=env.url("RABBITMQ_URL", schemes=("amqp", "amqps", "memory"), why="the way of charges"),
            internal_keys=env.internal_keys(),
            master_keys=env.master_keys(),
            first_email=(email := env.text("ADMIN_EMAIL", "", pattern=MAIL_ADDRESS, rule="must be an e-mail address")),
            first_password=env.secret("ADMIN_PASSWORD", why="the first administrator's password") if email else "",
            time_zone=env.time_zone(),
            host=env.text("ADMIN_HOST", "127.0.0.1"),
            port=env.integer("ADMIN_PORT", 8001, low=0, high=65535),
            advertise_host=env.text("ADVERTISE_HOST", "127.0.0.1"),
            is_behind_tls=env.boolean("ADMIN_BEHIND_TLS", False),
            trusted_proxies=env.networks("TRUSTED_PROXIES"),
            indexer_addresses=env.words("INDEXER_ADDRESSES"),
            monitor_addresses=env.words("MONITOR_ADDRESSES"),
            gateway_url=env.url("GATEWAY_URL", "http://127.0.0.1:8000/router/rest", schemes=("http", "https")),
            body_limit_bytes=env.integer("ADMIN_BODY_LIMIT_BYTES", 1024 * 1024, low=1024, high=16 * 1024 * 1024),
        )
        env.finish()
        return settings
