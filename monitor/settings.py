"""What monitor reads from its environment, once, at start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Self
from zoneinfo import ZoneInfo

from openplatform.env import Env
from openplatform.records import MAIL_ADDRESS, MAIL_SENDER

SERVICE_ID = "monitor"
_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")
_CONSOLE = re.compile(r"https?://[^\s<>\"']+|")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """Settings of monitor. The environment's names are `PAILOU_` + the name in capitals, with MONITOR_ where it says so."""

    database_url: str = field(repr=False)
    """PAILOU_MONITOR_DATABASE_URL: `mysql+asyncmy://…` or `sqlite+aiosqlite:///file`; rules, alerts and mails. Holds a password."""

    redis_url: str = field(repr=False)
    """`redis://…`, or `memory://` in the all-in-one: the leader lock, and where log_indexer is found."""

    internal_keys: tuple[str, ...] = field(repr=False)
    """What services know each other by; the first is sent, all are accepted. No default: it is a secret."""

    mailer_url: str = field(repr=False)
    """`smtp+starttls://user:password@host:587`, `smtps://…`, `smtp://host:25` or `outbox:///folder`. No default: alerts that
    nobody can read are worse than a monitor that does not start."""

    mail_from: str
    """Who the mails are from, `a@b.c` or `Name <a@b.c>`; mail servers refuse strangers, so there is no default."""

    alert_recipients: tuple[str, ...]
    """Who gets the mails of the first rules, in Chinese, until an operator edits them."""

    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    """The platform's zone: times in mails and answers."""

    alert_threshold_ms: int = 1000
    """Mean response time over which an API alarms: what the platform promises its callers."""

    alert_window_s: int = 300
    """How far back each minute's look goes; five minutes smooth single slow calls and still wake people in time."""

    alert_min_calls: int = 1
    """Calls in the window below which an API is not judged; 1 = a single slow call alarms."""

    alert_lag_s: int = 120
    """Age of the oldest record not yet indexed over which the monitor calls itself blind: a window of 300 s then misses two
    fifths of its records."""

    alert_reminder_s: int = 1800
    """How often a lasting alert is mailed again; half an hour is seen by the next shift and does not train people to delete."""

    alert_clean_windows: int = 2
    """Windows under the limit, in a row, that close an alert: one alone lets a value at the limit mail every other minute."""

    alert_mails_per_hour: int = 20
    """To one recipient; in a storm what comes beyond is told in one digest each half hour, since nobody reads more."""

    alert_retry_s: int = 60
    """Pause after a mail's first failure; it doubles with each further one, to fifteen times as long: 1, 2, 4, 8, 15 minutes."""

    every_s: int = 60
    """PAILOU_MONITOR_EVERY_S, seconds from one evaluation to the next; the platform promises one a minute, tests want more."""

    lock_s: int = 30
    """PAILOU_MONITOR_LOCK_S, how long a dead leader keeps others out: half of a tick, so that they judge its window themselves."""

    delay_s: int = 5
    """PAILOU_MONITOR_DELAY_S, how long after its end a window is judged: the way of a record into the index takes less."""

    console_url: str = ""
    """Where the console is reached, for links in mails; empty = no links."""

    indexer_addresses: tuple[str, ...] = ()
    """Fixed `host:port` of log_indexer; none = ask the directory."""

    host: str = "127.0.0.1"
    """PAILOU_MONITOR_HOST, where it listens; loopback unless told otherwise, since only services call it."""

    port: int = 8012
    """PAILOU_MONITOR_PORT; the platform's port for the monitor."""

    advertise_host: str = "127.0.0.1"
    """The host name under which other services reach this process."""

    @property
    def mail_domain(self) -> str:
        """What stands behind the @ in ids of mails."""
        return parseaddr(self.mail_from)[1].rpartition("@")[2]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsError that names every variable that is missing or wrong."""
        env = Env(environ, service="monitor")
        settings = cls(
            database_url=env.url(
                "MONITOR_DATABASE_URL", schemes=("mysql+asyncmy", "sqlite+aiosqlite"), why="rules, alerts and mails"
            ),
            redis_url=env.url("REDIS_URL", schemes=("redis", "rediss", "memory"), why="the lock and the directory"),
            internal_keys=env.internal_keys(),
            mailer_url=env.url(
                "MAILER_URL", schemes=("smtp+starttls", "smtps", "smtp", "outbox"), why="how alert mails leave"
            ),
            mail_from=env.text(
                "MAIL_FROM",
                pattern=MAIL_SENDER,
                rule="must be `a@b.c` or `Name <a@b.c>`",
                why="who alert mails are from",
            ),
            alert_recipients=env.words(
                "ALERT_RECIPIENTS",
                None,
                pattern=MAIL_ADDRESS,
                rule="must be e-mail addresses, comma-separated",
                why="who gets alert mails",
            ),
            time_zone=env.time_zone(),
            alert_threshold_ms=env.integer("ALERT_THRESHOLD_MS", 1000, low=1, high=3_600_000),
            alert_window_s=env.integer("ALERT_WINDOW_S", 300, low=10, high=3600),
            alert_min_calls=env.integer("ALERT_MIN_CALLS", 1, low=1),
            alert_lag_s=env.integer("ALERT_LAG_S", 120, low=1, high=86_400),
            alert_reminder_s=env.integer("ALERT_REMINDER_S", 1800, low=60, high=604_800),
            alert_clean_windows=env.integer("ALERT_CLEAN_WINDOWS", 2, low=1, high=60),
            alert_mails_per_hour=env.integer("ALERT_MAILS_PER_HOUR", 20, low=1, high=1000),
            alert_retry_s=env.integer("ALERT_RETRY_S", 60, low=1, high=600),
            every_s=env.integer("MONITOR_EVERY_S", 60, low=1, high=60),
            lock_s=env.integer("MONITOR_LOCK_S", 30, low=1, high=60),
            delay_s=env.integer("MONITOR_DELAY_S", 5, low=0, high=30),
            console_url=env.text("CONSOLE_URL", "", pattern=_CONSOLE, rule="must be an http(s) URL").rstrip("/"),
            indexer_addresses=env.words(
                "INDEXER_ADDRESSES", pattern=_ADDRESS, rule="must be host:port, comma-separated"
            ),
            host=env.text("MONITOR_HOST", "127.0.0.1"),
            port=env.integer("MONITOR_PORT", 8012, low=1, high=65535),
            advertise_host=env.text("ADVERTISE_HOST", "127.0.0.1"),
        )
        env.finish()
        return settings
