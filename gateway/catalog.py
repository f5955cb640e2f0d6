"""Apps, routes and system parameters in this process's memory, kept true by announcements and a comparison of versions.

Calls are answered from here alone: a Redis that cannot be reached changes nothing for what is known already.
"""

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import force_setattr

from gateway.built_in_routes import built_in_routes
from gateway.catalog_entries import AppEntry, ParamCheck, RouteEntry
from openplatform.errors import CatalogInvalid, PlatformUnavailable, SettingsError
from openplatform.ports import CatalogReader
from openplatform.protocol import ALWAYS_REQUIRED, SYSTEM_PARAMS
from openplatform.records import CatalogUpdate, SystemParam
from openplatform.sealing import Seal, SealBroken

log = logging.getLogger(__name__)

COMPARE_EVERY_S = 5.0
"""How long a lost announcement can go unnoticed."""
SessionDropper = Callable[[Iterable[str] | None], None]
"""Told which sessions changed, by token hash; None = any may have."""


class Catalog:
    """What is in force now. apps by app_key, routes by API name, built-in ones among them; open_apis: names of the available
    routes that need no grant, sorted; checked: what calls are checked for beyond the protocol's own parameters; defaults: names and
    values of those that a call may leave out; not_business: names of all system parameters."""

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
        self.news = asyncio.Event()
        """Set whenever another version comes into force; for one who waits and clears it."""
        self.epoch: str | None = None
        self.version = 0
        self.apps: dict[str, AppEntry] = {}
        self.routes: dict[str, RouteEntry] = {}
        self.open_apis: list[str] = []
        self.checked: tuple[ParamCheck, ...] = ()
        self.defaults: tuple[tuple[str, str], ...] = ()
        self.not_business = SYSTEM_PARAMS
        self._params: dict[str, SystemParam] = {}
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
        if update.full:
            _share_equals(update)
        apps = {
            _one(key, app.app_key): AppEntry(app, self._seal) for key, app in update.apps.items() if app is not None
        }
        routes = {
            _one(name, r.api_name): RouteEntry(r, self._platform_prefix)
            for name, r in update.routes.items()
            if r is not None
        }
        routes |= self._built_in  # whatever operators name like them
        params = {name: p for name, p in update.params.items() if p is not None}
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
        in_force = [p for _, p in sorted(self._params.items()) if p.required and p.name not in ALWAYS_REQUIRED]
        self.checked = tuple(check for check in map(ParamCheck.of, in_force) if check.is_required or check.fits)
        self.defaults = tuple((p.name, p.default_value) for p in in_force if p.default_value)
        self.not_business = SYSTEM_PARAMS.union(p.name for p in in_force)
        self.epoch, self.version = update.epoch, update.version
        self.news.set()
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


def _share_equals(update: CatalogUpdate) -> None:
    """Of 100,000 apps most hold grants like others', and of as many routes most lead to the same service: what is equal is kept
    once. Nothing of it is ever changed in place."""
    once: dict[object, Any] = {}
    for app in update.apps.values():
        if app is not None:
            grants = {once.setdefault(name, name): once.setdefault(grant, grant) for name, grant in app.grants.items()}
            force_setattr(app, "grants", once.setdefault(tuple(grants.items()), grants))
    for route in update.routes.values():
        if route is not None:
            for field in ("service_id", "http_method", "group"):
                value = getattr(route, field)
                force_setattr(route, field, once.setdefault(value, value))
            force_setattr(route, "list_items", once.setdefault(tuple(route.list_items.items()), route.list_items))


def _one(key: str, same: str) -> str:
    """Of two equal strings the one that is kept anyway."""
    return same if same == key else key


def _unseal(entries: Iterable[AppEntry]) -> None:
    for entry in entries:
        _ = entry.keys


def _is_listed(entry: RouteEntry) -> bool:
    return entry.route.enabled and entry.route.is_open


def _merge(known: dict, built: dict, named: dict) -> None:  # type: ignore[type-arg]
    known.update(built)
    for key, value in named.items():
        if value is None:
            known.pop(key, None)
