"""Frozen value types that cross borders between processes or layers: configuration, sessions, limits, call logs, mails.

Everything that is written to Redis or RabbitMQ is one of these, encoded as JSON by msgspec, which also validates on the way
in: a record that does not fit raises msgspec.ValidationError, and the reader keeps the last good one.
"""

import re
from typing import Literal, NewType

import msgspec

AppKey = NewType("AppKey", str)
ApiName = NewType("ApiName", str)
TokenHash = NewType("TokenHash", str)
"""SHA-256 of an access token, 64 hex digits: what is stored in place of the token."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all records: immutable, compared by value."""


# --- configuration: written by admin_api, served by gateways from memory -------------------------------------------------


class Grant(Record, frozen=True, kw_only=True):
    """That an app may call an API. Limits count this app's calls of this API, None = no such limit; data_scope: what the service
    may show the app, words joined by commas (`pii` = personal data unmasked), "" = the least."""

    daily_limit: int | None = None
    minute_limit: int | None = None
    data_scope: str = ""


class App(Record, frozen=True, kw_only=True):
    """An ISV's application, as gateways know it.

    sealed_secrets: one or two `v1.kid.nonce.ct` blobs (openplatform.sealing), newest first; enabled: the app's and its
    customer's state together; daily_limit: calls per calendar day, 0 = none allowed; minute_limit: calls per any 60 s,
    None = the platform's default; real_status_codes: answer errors with 4xx/5xx instead of 200; md5_allowed: accepts
    sign_method md5; ip_allow: CIDRs that calls may come from, empty = any; grants: API name -> what was granted.
    """

    id: int
    app_key: AppKey
    app_name: str
    customer_id: int
    enabled: bool
    sealed_secrets: tuple[str, ...]
    daily_limit: int
    minute_limit: int | None = None
    real_status_codes: bool = False
    md5_allowed: bool = True
    ip_allow: tuple[str, ...] = ()
    grants: dict[str, Grant] = {}


class BreakerRules(Record, frozen=True, kw_only=True):
    """When a breaker opens and closes. Source of the defaults: Hystrix' and resilience4j's, tried on this platform.

    window_s: seconds that are looked back on; min_calls: below it nothing opens; failure_ratio, slow_ratio: 0..1, share of failed
    and of slow calls that opens; slow_ms: from when a call is slow, None = never; open_s: pause before probes; permits: probes at
    a time, all of which must go well to close it.
    """

    window_s: float = 10.0
    min_calls: int = 20
    failure_ratio: float = 0.5
    slow_ratio: float = 0.8
    slow_ms: int | None = None
    open_s: float = 5.0
    permits: int = 3


class Route(Record, frozen=True, kw_only=True):
    """One public API and where it leads.

    inside_api_url: a path with `{placeholders}`, never scheme or host; http_method: GET, POST, PUT or DELETE towards the
    service; timeout_ms: deadline of the whole service call; idempotent: may be repeated; list_items: list name → item name
    where it is not the singular; timestamp_window_s: None = the platform's; sensitive: business parameters that are masked in
    call logs; request_schema: JSON Schema text of the business parameters, response_example: JSON text; is_open: needs no grant;
    price_fen: charged per call when needs_fee; cache_ttl_s: 0 = answers are not cached; limit_per_*: over all apps, None = none;
    max_concurrency: calls in flight in one gateway process, None = the platform's; breaker: None = the platform's; fallback_body:
    JSON object answered while the breaker is open; replay_guard: the same signature goes through once.
    """

    api_name: ApiName
    service_id: str
    inside_api_url: str
    enabled: bool
    http_method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    needs_session: bool = True
    idempotent: bool = False
    needs_fee: bool = False
    timeout_ms: int = 3000
    timestamp_window_s: int | None = None
    list_items: dict[str, str] = {}
    sensitive: tuple[str, ...] = ()
    description: str = ""
    group: str = ""
    request_schema: str | None = None
    response_example: str | None = None
    is_open: bool = False
    price_fen: int = 0
    cache_ttl_s: int = 0
    limit_per_second: int | None = None
    limit_per_minute: int | None = None
    limit_per_day: int | None = None
    max_concurrency: int | None = None
    breaker: BreakerRules | None = None
    fallback_body: str | None = None
    replay_guard: bool = False
    deprecated: bool = False
    api_version: str = ""


class SystemParam(Record, frozen=True, kw_only=True):
    """A system parameter that every call must carry while it is in force."""

    name: str
    required: bool


ConfigKind = Literal["app", "route", "param", "session"]


class ConfigChange(Record, frozen=True, kw_only=True):
    """One change on its way from admin_api's outbox to the gateways.

    key: app_key, API name, parameter name or token hash; version: the outbox row's id, greater = newer; body: the record as
    JSON, None = removed; expire_at_ms: for sessions, epoch milliseconds.
    """

    kind: ConfigKind
    key: str
    version: int
    body: bytes | None
    expire_at_ms: int | None = None


class CatalogUpdate(Record, frozen=True, kw_only=True):
    """What changed in the catalogue since a version.

    epoch: identity of this catalogue (a Redis that lost its data gets a new one); version: the catalogue's version after this
    update; full: True = the three maps are everything there is and any session may have changed (drop them all from memory),
    otherwise only what changed; a None value = removed; sessions: token hashes that changed, to be dropped from memory.
    """

    epoch: str
    version: int
    full: bool
    apps: dict[str, App | None] = {}
    routes: dict[str, Route | None] = {}
    params: dict[str, SystemParam | None] = {}
    sessions: tuple[str, ...] = ()


class AccessToken(Record, frozen=True, kw_only=True):
    """A session that a user granted to an application; vender_id is the merchant. Times are epoch milliseconds, UTC."""

    app_id: int
    vender_id: int
    start_at_ms: int
    expire_at_ms: int
    scope: str = ""


# --- money ----------------------------------------------------------------------------------------------------------------


class Charge(Record, frozen=True, kw_only=True):
    """One call that was answered and has its price: on its way from a gateway to the ledger. at_ms: epoch ms of the answer."""

    request_id: str
    customer_id: int
    price_fen: int
    app_key: str
    api_name: str
    at_ms: int


# --- limits ---------------------------------------------------------------------------------------------------------------


class QuotaRequest(Record, frozen=True, kw_only=True):
    """One call that asks for admission. A limit of None is not checked."""

    app_key: str
    api_name: str
    daily_limit: int | None
    minute_limit: int | None


class QuotaVerdict(Record, frozen=True, kw_only=True):
    """The answer to a QuotaRequest.

    admitted: True = one call was counted, everywhere; rule: the limit that refused, "" when admitted; retry_after_s: seconds
    until that limit lets a call through again, ≥ 1 when refused; *_used: calls counted in the day / the last 60 s, this one
    included; day_reset_s: seconds until the day's counter starts again.
    """

    admitted: bool
    rule: Literal["", "day", "minute"] = ""
    retry_after_s: int = 0
    day_used: int = 0
    minute_used: int = 0
    day_reset_s: int = 0


class QuotaUse(Record, frozen=True, kw_only=True):
    """An app's use right now, for people: read without counting a call."""

    day_used: int
    minute_used: int
    day_reset_s: int


# --- service instances ------------------------------------------------------------------------------------------------------


class Instance(Record, frozen=True, kw_only=True):
    """A running instance of a service, as it registered itself. started_at_ms: epoch ms, for growing to its weight slowly."""

    service_id: str
    host: str
    port: int
    weight: int = 100
    zone: str = ""
    version: str = ""
    started_at_ms: int = 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


# --- call logs ------------------------------------------------------------------------------------------------------------------


class CallLog(msgspec.Struct, kw_only=True, gc=False):
    """One call's log record; the names are fixed by the data model and stand in the index as they are.

    platformRepTime, serviceTime: ms; receiveTime: epoch ms when the gateway received the call; createTime: epoch ms when it
    was indexed, 0 before; venderId: None when no session was established; errorCode: "0" or `code` or `code:sub_code`.
    """

    requestId: str  # noqa: N815
    appkey: str
    servIP: str  # noqa: N815
    venderId: int | None  # noqa: N815
    remoteIp: str  # noqa: N815
    apiName: str  # noqa: N815
    platformRepTime: int  # noqa: N815
    requestContent: str  # noqa: N815
    errorCode: str  # noqa: N815
    receiveTime: int  # noqa: N815
    createTime: int = 0  # noqa: N815
    serviceTime: int | None = None  # noqa: N815
    httpMethod: str = ""  # noqa: N815
    responseBytes: int = 0  # noqa: N815
    cached: bool = False
    gatewayNode: str = ""  # noqa: N815
    attempts: int = 0
    traceId: str | None = None  # noqa: N815
    truncated: bool = False


class LogQuery(Record, frozen=True, kw_only=True):
    """Conditions of a log search, all combined by AND; None or () = not asked. Times are epoch ms, from inclusive, to exclusive.

    app_keys: any of them; error: an exact errorCode, or a bare code that also matches `code:…`, or `any` = every call that
    ended in an error; keywords: words or phrases that must all occur in requestContent; cursor: what the page before returned.
    """

    from_ms: int
    to_ms: int
    app_keys: tuple[str, ...] = ()
    api_name: str | None = None
    vender_id: int | None = None
    error: str | None = None
    remote_ip: str | None = None
    request_id: str | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    keywords: tuple[str, ...] = ()
    size: int = 20
    cursor: str | None = None


class LogHit(Record, frozen=True, kw_only=True):
    """A found record; highlight: HTML-escaped requestContent fragments with `<em>` around matches, None without keywords."""

    log: CallLog
    highlight: str | None = None


class LogPage(Record, frozen=True, kw_only=True):
    """One page, newest first. total counts up to 10,000; total_is_capped says there are more; cursor None = the last page."""

    hits: tuple[LogHit, ...]
    total: int
    total_is_capped: bool
    cursor: str | None


class ApiStats(Record, frozen=True, kw_only=True):
    """Statistics of one API over a range: numbers of calls and errors, response times in ms."""

    api_name: str
    calls: int
    errors: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_service_ms: float | None = None


class IndexVerdict(Record, frozen=True, kw_only=True):
    """What became of one record of a batch: created, duplicate (was there already), refused (never fits), retry (later)."""

    outcome: Literal["created", "duplicate", "refused", "retry"]
    reason: str = ""


# --- mail -----------------------------------------------------------------------------------------------------------------------


_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
MAIL_ADDRESS = re.compile(rf"(?=.{{3,254}}$){_ADDRESS}")
"""The addresses of HTML's e-mail field, which every mail server takes: no quotes, spaces, comments or other scripts."""
MAIL_SENDER = re.compile(rf'{_ADDRESS}|[^<>"(),:;@\[\]\\\x00-\x1f\x7f]+ <{_ADDRESS}>')
"""`a@b.c` or `Name <a@b.c>`."""


class Mail(Record, frozen=True, kw_only=True):
    """One e-mail to one recipient. message_id: without angle brackets, the same for every attempt to send this mail."""

    to: str
    subject: str
    text: str
    html: str | None = None
    message_id: str
    thread_id: str | None = None
