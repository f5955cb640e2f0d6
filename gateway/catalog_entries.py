"""What the catalogue keeps of each app and each route: the record, and what calls need worked out of it."""

import hashlib
import logging
import re
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import orjson

from gateway.guards import Guard
from gateway.metrics import Tally
from openplatform.addresses import lies_in, parse_network
from openplatform.errors import INVALID_ARGUMENT, MISSING_ARGUMENT, CatalogInvalid
from openplatform.parameter_schema import ParameterSchema, SchemaInvalid
from openplatform.parameter_types import Fits, rule_of
from openplatform.protocol import SYSTEM_PARAMS, root_name
from openplatform.records import App, QuotaRequest, Route, SystemParam
from openplatform.sealing import Seal
from openplatform.signing import SigningKey

log = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/(?!/)[^\s\\]*\Z")
"""A path inside the service: neither scheme nor host, which would name another machine."""


class ParamCheck(NamedTuple):
    """What every call is checked for in one system parameter. fits: None = any text; demand: what to say of one that does not."""

    name: str
    is_required: bool
    fits: Fits | None
    demand: str

    @classmethod
    def of(cls, param: SystemParam) -> "ParamCheck":
        """A call may leave out what has a default."""
        fits, demand = rule_of(param) or (None, "")
        return cls(param.name, not param.default_value, fits, demand)


class AppEntry:
    """An app, and its live secrets ready to check signatures with; they are unsealed at the app's first call.

    networks: where its calls may come from, () = anywhere; quota_requests: of the routes that it has called, None before the first.
    Raises CatalogInvalid for a network that is none.
    """

    __slots__ = ("_keys", "_seal", "app", "networks", "quota_requests")

    def __init__(self, app: App, seal: Seal) -> None:
        self.app = app
        self._seal = seal
        self._keys: tuple[SigningKey, ...] | None = None
        self.quota_requests: dict[RouteEntry, QuotaRequest] | None = None
        try:
            self.networks = tuple(parse_network(cidr) for cidr in app.ip_allow) if app.ip_allow else ()
        except ValueError as error:
            raise CatalogInvalid(f"app {app.app_key}: ip_allow: {error}") from None

    def admits(self, address: str) -> bool:
        """Whether a call may come from this address."""
        return not self.networks or lies_in(address, self.networks)

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """Raises SealBroken when a secret cannot be opened: a fault of ours."""
        if self._keys is None:
            context = f"app_info|{self.app.app_key}"
            self._keys = tuple(SigningKey(self._seal.open(blob, context)) for blob in self.app.sealed_secrets)
        return self._keys


class RouteEntry:
    """A route with everything about it that can be worked out before a call comes; most of it at the first call.

    Of 100,000 routes few are ever called, and what is worked out takes as much memory as the route itself. fallback: answered
    while a breaker is open, b"" = nothing; guard, tally, fixed_head: set by the first call; cache_salt: what kept answers of this
    route, as it is configured, are told apart by, b"" = they are not kept; not_sent: names that are not forwarded as parameters,
    the system's and those that stand in the path. Raises CatalogInvalid for a fallback that is no JSON
    object.
    """

    __slots__ = (
        "_literals", "_names", "_platform_prefix", "_schema", "built_in", "cache_salt", "fallback", "fixed_head", "guard",
        "has_schema", "not_sent", "root", "route", "tally", "timeout_s",
    )  # fmt: skip

    cache_salt: bytes
    root: str
    timeout_s: float
    not_sent: frozenset[str]
    _literals: list[str]
    _names: list[str]

    def __init__(self, route: Route, platform_prefix: str, *, built_in: str = "") -> None:
        """built_in: which of the gateway's own answers this is, "" = a service's. Raises CatalogInvalid for a URL that is no path."""
        if not built_in and not _PATH.match(route.inside_api_url):
            raise CatalogInvalid(f"route {route.api_name}: {route.inside_api_url!r} is no path inside a service")
        self.route = route
        self.built_in = built_in
        self.fallback = _json_object(route) if route.fallback_body else b""
        self.guard: Guard | None = None
        self.tally: Tally | None = None
        self.fixed_head = ""
        self.has_schema = bool(route.request_schema) and not built_in
        self._schema: ParameterSchema | SchemaInvalid | None = None
        self._platform_prefix = platform_prefix
        self.__class__ = _UncalledRoute

    def _work_out(self) -> None:
        route = self.route
        self.root = root_name(route.api_name, self._platform_prefix)
        self.timeout_s = route.timeout_ms / 1000
        self.cache_salt = b""
        if route.cache_ttl_s > 0 and route.idempotent:
            self.cache_salt = hashlib.blake2b(msgspec.json.encode(route), digest_size=16).digest()
        pieces = _PLACEHOLDER.split(route.inside_api_url)
        self._literals = pieces[::2]
        self._names = pieces[1::2]
        self.not_sent = SYSTEM_PARAMS.union(self._names)

    @property
    def schema(self) -> ParameterSchema:
        """The rules of the business parameters, compiled at the first call. Raises SchemaInvalid, again at every call."""
        if self._schema is None:
            try:
                self._schema = ParameterSchema.of_text(self.route.request_schema or "{}")
            except SchemaInvalid as error:
                self._schema = error
                log.error("%s answers error 10: its request_schema cannot be used: %s", self.route.api_name, error)
        if isinstance(self._schema, SchemaInvalid):
            raise self._schema
        return self._schema

    def path(self, params: dict[str, str]) -> str:
        """The path inside the service, placeholders filled. Raises error 40 for a missing value, 41 for one that moves the path."""
        if not self._names:
            return self._literals[0]
        path = self._literals[0]
        for name, literal in zip(self._names, self._literals[1:], strict=True):
            value = params.get(name)
            if not value:
                raise MISSING_ARGUMENT(name=name)
            if value in (".", ".."):
                raise INVALID_ARGUMENT(name=name)
            path += (value if value.isascii() and value.isalnum() else quote(value, safe="")) + literal
        return path


class _UncalledRoute(RouteEntry):
    """What every route is before its first call. A class of its own, since `__getattr__` makes all attributes of its class slow."""

    __slots__ = ()

    def __getattr__(self, name: str) -> object:
        """Called for what is not there yet, and never again."""
        if name not in RouteEntry.__slots__:
            raise AttributeError(name)
        self._work_out()
        self.__class__ = RouteEntry  # type: ignore[assignment]
        return object.__getattribute__(self, name)


def _json_object(route: Route) -> bytes:
    try:
        body = orjson.loads(route.fallback_body or "")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise CatalogInvalid(f"route {route.api_name}: fallback_body is no JSON object")
    return orjson.dumps(body)
