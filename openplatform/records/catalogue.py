"""Configuration: written by admin_api, served by gateways from memory."""

from typing import Literal

from openplatform.records.record import ApiName, AppKey, Record


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
    price_fen: charged per call when needs_fee; cache_ttl_s: 0 = answers are not cached; cache_epoch: counts
    purges, answers of an earlier one are given no more; limit_per_*: over all apps, None = none;
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
    cache_epoch: int = 0
    limit_per_second: int | None = None
    limit_per_minute: int | None = None
    limit_per_day: int | None = None
    max_concurrency: int | None = None
    breaker: BreakerRules | None = None
    fallback_body: str | None = None
    replay_guard: bool = False
    deprecated: bool = False
    api_version: str = ""


ParameterType = Literal["string", "integer", "number", "boolean", "timestamp", "choice"]


class SystemParam(Record, frozen=True, kw_only=True):
    """A system parameter that every call must carry while it is in force, which `required` says.

    value_type: what its values must be, string = any text; choices: all that it may be, of a choice only; default_value: taken
    for a call that leaves it out, "" = such a call is refused.
    """

    name: str
    required: bool
    value_type: ParameterType = "string"
    choices: tuple[str, ...] = ()
    default_value: str = ""


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
    """A session that a user granted to an application; vender_id is the merchant. Times are epoch milliseconds, UTC.

    scope: which APIs it is good for, "" = all that the app may call; otherwise words joined by commas: API names, names of
    groups, or beginnings of names such as `open.order.*`.
    """

    app_id: int
    vender_id: int
    start_at_ms: int
    expire_at_ms: int
    scope: str = ""
