"""A loaded catalogue for tests of the filters that read it."""

from collections.abc import AsyncIterator

from gateway.catalog import Catalog
from gateway.catalog_entries import AppEntry, RouteEntry
from openplatform.records import CatalogUpdate, SystemParam
from tests.unit.gateway.filters.calls import SEAL


class OneUpdate:
    """A CatalogReader with one update, or none."""

    def __init__(self, *updates: CatalogUpdate) -> None:
        self._updates = list(updates)

    async def fetch(self, *, epoch: str | None, version: int) -> CatalogUpdate | None:
        return self._updates.pop() if self._updates else None

    async def announcements(self) -> AsyncIterator[None]:
        yield


async def a_catalog(
    *entries: AppEntry | RouteEntry, required: tuple[str, ...] = (), params: tuple[SystemParam, ...] = ()
) -> Catalog:
    """A catalogue of these apps and routes; required: names of system parameters that any text will do for; params: others."""
    update = CatalogUpdate(
        epoch="e", version=1, full=True,
        apps={e.app.app_key: e.app for e in entries if isinstance(e, AppEntry)},
        routes={e.route.api_name: e.route for e in entries if isinstance(e, RouteEntry)},
        params={p.name: p for p in (*params, *(SystemParam(name=name, required=True) for name in required))},
    )  # fmt: skip
    catalog = Catalog(OneUpdate(update), SEAL)
    await catalog.refresh(lambda _: None)
    return catalog
