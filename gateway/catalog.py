"""Apps, routes and system parameters in this process's memory, kept true by announcements and a comparison of versions.

Calls are answered from here alone: a Redis that cannot be reached changes nothing for what is known already.
"""

import asyncio
import hashlib
import logging
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from urllib.parse import quote

import msgspec
import orjson

from gateway.built_in_routes import built_in_routes
from gateway.guards import Guard
from gateway.metrics import Tally
from openplatform.addresses import lies_in, parse_network
from openplatform.errors import INVALID_ARGUMENT, MISSING_ARGUMENT, CatalogInvalid, PlatformUnavailable, SettingsError
from openplatform.parameter_schema import ParameterSchema, SchemaInvalid
from openplatform.ports import CatalogReader
from openplatform.protocol import SYSTEM_PARAMS, root_name
from openplatform.records import App, CatalogUpdate, Route
from openplatform.sealing import Seal, SealBroken
from openplatform.signing import SigningKey

log = logging.getLogger(__name__)

COMPARE_EVERY_S = 5.0
"""How long a lost announcement can go unnoticed."""
SessionDropper = Callable[[Iterable[str] | None], None]
"""Told which sessions changed, by token hash; None = any may have."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/(?!/)[^\s\\]*\Z")
"""A path inside the service: neither scheme nor host, which would name another machine."""


class AppEntry:
    """An app, and its live secrets ready to check signatures with; they are unsealed at the app's first call.

    networks: where its calls may come from, () = anywhere. Raises CatalogInvalid for a network that is none.
    """

    __slots__ = ("_keys", "_seal", "app", "networks")

    def __init__(self, app: App, seal: Seal) -> None:
        self.app = app
        self._seal = seal
        self._keys: tuple[SigningKey, ...] | None = None
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

    def __getattr__(self, name: str) -> object:
        """Called for what is not there yet, and never again."""
        if name not in self.__slots__:
            raise AttributeError(name)
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
        return object.__getattribute__(self, name)

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


class Catalog:
    """What is in force now. apps by app_key, routes by API name, built-in ones among them; open_apis: names of the available
    routes that need no grant, sorted; required: system parameters beyond the protocol's own; not_business: all of them."""

    def __init__(self, reader: CatalogReader, seal: Seal, *, platform_prefix: str = "taobao.") -> None:
        self._reader = reader
        self._seal = seal
        self._platform_prefix = platform_prefix
        self._built_in = {
            name: RouteEntry(route, platform_prefix, built_in=answer)
            for name, (answer, route) in built_in_routes(platform_prefix).items()
        }
        self._wake = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self.epoch: str | None = None
        self.version = 0
        self.apps: dict[str, AppEntry] = {}
        self.routes: dict[str, RouteEntry] = {}
        self.open_apis: list[str] = []
        self.required: tuple[str, ...] = ()
        self.not_business = SYSTEM_PARAMS
        self._params: dict[str, bool] = {}
        self.rejected_updates = 0
        self.reachable = False

    @property
    def is_loaded(self) -> bool:
        return self.epoch is not None

    async def follow(self, drop_sessions: SessionDropper) -> None:
        """Keeps the catalogue true until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                try:
                    async with asyncio.timeout(COMPARE_EVERY_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                try:
                    await self.refresh(drop_sessions)
                except (
                    SettingsError
                ) as error:  # Redis came late: too late to refuse the start, never too late to say why
                    log.error("not ready: %s", error)

    async def refresh(self, drop_sessions: SessionDropper) -> None:
        """Fetches and applies what is newer; keeps the last good catalogue when that cannot be read or is not valid.

        Raises SettingsError when the very first catalogue holds secrets that the given master keys do not open.
        """
        try:
            async with self._refreshing:
                while (update := await self._reader.fetch(epoch=self.epoch, version=self.version)) is not None:
                    self._apply(update)
                    drop_sessions(None if update.full else update.sessions)
            self.reachable = True
        except PlatformUnavailable as error:
            if self.reachable:
                log.warning("the catalogue cannot be refreshed, serving version %d on: %s", self.version, error.sub_msg)
            self.reachable = False
        except (CatalogInvalid, SealBroken) as error:
            if isinstance(error, SealBroken) and not self.is_loaded:
                raise SettingsError(f"PAILOU_MASTER_KEYS does not fit the catalogue: {error}") from None
            self.rejected_updates += 1
            log.error("a change of the catalogue was refused, serving version %d on: %s", self.version, error)

    def _apply(self, update: CatalogUpdate) -> None:
        # Everything is built before anything is swapped in: a call sees one version from start to end.
        started = time.perf_counter()
        apps = {key: AppEntry(app, self._seal) for key, app in update.apps.items() if app is not None}
        routes = {name: RouteEntry(r, self._platform_prefix) for name, r in update.routes.items() if r is not None}
        routes |= self._built_in  # whatever operators name like them
        params = {name: p.required for name, p in update.params.items() if p is not None}
        if update.full:
            _unseal(list(apps.values())[:1])  # a wrong master key shows at start, not at the first call
            self.apps, self.routes, self._params = apps, routes, params
            self.open_apis = sorted(name for name, entry in routes.items() if _is_listed(entry))
        else:
            _unseal(apps.values())
            _merge(self.apps, apps, update.apps)
            self._list(update.routes, routes)
            _merge(self.routes, routes, {n: r for n, r in update.routes.items() if n not in self._built_in})
            _merge(self._params, params, update.params)
        self.required = tuple(n for n, required in sorted(self._params.items()) if required and n not in SYSTEM_PARAMS)
        self.not_business = SYSTEM_PARAMS.union(self.required)
        self.epoch, self.version = update.epoch, update.version
        if update.full:
            took_ms = (time.perf_counter() - started) * 1000
            log.info(
                "catalogue version %d: %d apps, %d routes in %.0f ms", self.version, len(apps), len(routes), took_ms
            )

    def _list(self, named: Iterable[str], built: dict[str, RouteEntry]) -> None:
        """Keeps open_apis sorted through a change: one route among 100,000 costs no sorting."""
        for name in named:
            place = bisect_left(self.open_apis, name)
            was_listed = self.open_apis[place : place + 1] == [name]
            is_listed = name in built and _is_listed(built[name])
            if is_listed and not was_listed:
                self.open_apis.insert(place, name)
            elif was_listed and not is_listed:
                del self.open_apis[place]

    async def _listen(self) -> None:
        async for _ in self._reader.announcements():
            self._wake.set()


def _unseal(entries: Iterable[AppEntry]) -> None:
    for entry in entries:
        _ = entry.keys


def _is_listed(entry: RouteEntry) -> bool:
    return entry.route.enabled and entry.route.is_open


def _json_object(route: Route) -> bytes:
    try:
        body = orjson.loads(route.fallback_body or "")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise CatalogInvalid(f"route {route.api_name}: fallback_body is no JSON object")
    return orjson.dumps(body)


def _merge(known: dict, built: dict, named: dict) -> None:  # type: ignore[type-arg]
    known.update(built)
    for key, value in named.items():
        if value is None:
            known.pop(key, None)
