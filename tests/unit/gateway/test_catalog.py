"""The catalogue in memory: applies what is newer, keeps the last good, drops sessions that changed."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from gateway.catalog import Catalog
from openplatform.errors import PLATFORM_UNAVAILABLE, CatalogInvalid, OpenPlatformError, SettingsError
from openplatform.protocol import SYSTEM_PARAMS
from openplatform.records import App, AppKey, CatalogUpdate, Route, SystemParam
from openplatform.sealing import Seal

SEAL = Seal({"k": b"k" * 32})


class ListedUpdates:
    """A CatalogReader that hands out what a test lists; an exception in the list is raised."""

    def __init__(self, *updates: CatalogUpdate | Exception) -> None:
        self.updates = list(updates)
        self.announced = asyncio.Event()

    async def fetch(self, *, epoch: str | None, version: int) -> CatalogUpdate | None:
        update = self.updates.pop(0) if self.updates else None
        if isinstance(update, Exception):
            raise update
        return update

    async def announcements(self) -> AsyncIterator[None]:
        while True:
            await self.announced.wait()
            self.announced.clear()
            yield


def app(key: str = "a", *, secret: str = "s", context: str | None = None) -> App:
    sealed = SEAL.seal(secret, context or f"app_info|{key}")
    return App(
        id=1, app_key=AppKey(key), app_name=key, customer_id=1, enabled=True, sealed_secrets=(sealed,), daily_limit=1
    )


def route(name: str = "open.a.get", url: str = "/a/{x}/b/{y}", *, enabled: bool = True, is_open: bool = False) -> Route:
    return Route(api_name=name, service_id="s", inside_api_url=url, enabled=enabled, is_open=is_open)


def full(**maps: dict) -> CatalogUpdate:
    return CatalogUpdate(epoch="e1", version=1, full=True, **maps)


async def refreshed(*updates: CatalogUpdate | Exception) -> tuple[Catalog, list]:
    dropped: list = []
    catalog = Catalog(ListedUpdates(*updates), SEAL)
    await catalog.refresh(dropped.append)
    return catalog, dropped


async def test_full_then_changes() -> None:
    """Everything at first, then only what changed; removed entries go; protocol parameters are never `required` twice."""
    params = {n: SystemParam(name=n, required=True) for n in ("method", "partner", "zone")}
    catalog, dropped = await refreshed(
        full(apps={"a": app()}, routes={"open.a.get": route()}, params=params),
        CatalogUpdate(
            epoch="e1", version=2, full=False, apps={"a": None, "b": app("b")}, routes={}, sessions=("h1",),
            params={"zone": SystemParam(name="zone", required=False)},
        ),
    )  # fmt: skip
    assert list(catalog.apps) == ["b"]
    assert [name for name, entry in catalog.routes.items() if not entry.built_in] == ["open.a.get"]
    assert [check.name for check in catalog.checked] == ["partner"]
    assert (catalog.epoch, catalog.version, dropped) == ("e1", 2, [None, ("h1",)])


async def test_open_apis_stay_sorted_through_changes() -> None:
    """Opened, closed, disabled, removed; built-in APIs are there whatever a change says of their names."""
    named = {"open.b.get": route(is_open=True), "open.c.get": route(), "open.time.get": route(enabled=False)}
    changed = {
        "open.a.get": route(is_open=True), "open.b.get": route(is_open=True, enabled=False), "open.c.get": route(is_open=True),
        "open.time.get": None, "open.none.get": None,
    }  # fmt: skip
    catalog, _ = await refreshed(
        full(apps={}, routes=named), CatalogUpdate(epoch="e1", version=2, full=False, routes=changed)
    )
    assert [n for n in catalog.open_apis if not catalog.routes[n].built_in] == ["open.a.get", "open.c.get"]
    assert catalog.open_apis == sorted(catalog.open_apis)
    assert catalog.routes["open.time.get"].built_in == "time.get"


@pytest.mark.parametrize("failure", [PLATFORM_UNAVAILABLE(), CatalogInvalid("broken")])
async def test_the_last_good_one_stays(failure: Exception) -> None:
    """A store that is down or a change that is not valid leaves the catalogue as it was; the latter is counted."""
    catalog, _ = await refreshed(full(apps={"a": app()}), failure)
    assert list(catalog.apps) == ["a"]
    assert catalog.is_loaded
    assert catalog.rejected_updates == (1 if isinstance(failure, CatalogInvalid) else 0)


async def test_a_wrong_master_key_shows_at_start() -> None:
    """A catalogue whose secrets cannot be opened is not served."""
    with pytest.raises(SettingsError, match="PAILOU_MASTER_KEYS"):
        await refreshed(full(apps={"a": app(context="app_info|other")}))


async def test_a_later_catalogue_under_another_key_is_refused() -> None:
    """Once calls are served, secrets that cannot be opened are one more change that is not valid."""
    broken = CatalogUpdate(epoch="e2", version=9, full=True, apps={"b": app("b", context="app_info|other")})
    catalog, _ = await refreshed(full(apps={"a": app()}), broken)
    assert (list(catalog.apps), catalog.epoch, catalog.rejected_updates) == (["a"], "e1", 1)


async def test_an_announcement_is_followed_at_once() -> None:
    """A change is fetched when it is announced, not at the next comparison."""
    reader = ListedUpdates(full())
    catalog = Catalog(reader, SEAL)
    following = asyncio.create_task(catalog.follow(lambda _: None))
    await asyncio.sleep(0)
    reader.announced.set()
    async with asyncio.timeout(30):
        while not catalog.is_loaded:
            await asyncio.sleep(0.001)
    following.cancel()
    await asyncio.wait([following])


async def test_paths() -> None:
    """Placeholders are filled with escaped values; a missing one is 40, one made of dots 41."""
    catalog, _ = await refreshed(full(routes={"open.a.get": route(), "plain": route("plain", "/plain")}))
    entry = catalog.routes["open.a.get"]
    assert entry.path({"x": "1", "y": "a/b?c#中"}) == "/a/1/b/a%2Fb%3Fc%23%E4%B8%AD"
    assert entry.not_sent - SYSTEM_PARAMS == {"x", "y"}
    assert entry.root == "open_a_get_response"
    assert catalog.routes["plain"].path({}) == "/plain"
    for params, code in (({"x": "1"}, 40), ({"x": "", "y": "1"}, 40), ({"x": "..", "y": "1"}, 41)):
        with pytest.raises(OpenPlatformError) as refused:
            entry.path(params)
        assert refused.value.code == code


async def test_a_list_of_addresses_that_cannot_be_read_is_refused_as_a_whole() -> None:
    """Callers are judged by the last good one."""
    good = msgspec.structs.replace(app(), ip_allow=("10.0.0.0/8",))
    broken = msgspec.structs.replace(app(), ip_allow=("10.0.0.0/8", "everywhere"))
    change = CatalogUpdate(epoch="e1", version=2, full=False, apps={"a": broken})
    catalog, _ = await refreshed(full(apps={"a": good}), change)
    assert (catalog.version, catalog.rejected_updates) == (1, 1)
    assert catalog.apps["a"].admits("10.1.1.1") and not catalog.apps["a"].admits("11.1.1.1")


@pytest.mark.parametrize(
    "change",
    [
        {"apps": {"b": app("b", context="app_info|somebody else")}},
        {"routes": {"open.b.get": route("open.b.get", "http://169.254.169.254/latest")}},
        {"routes": {"open.b.get": route("open.b.get", "//169.254.169.254/latest")}},
        {"routes": {"open.b.get": route("open.b.get", "/a b")}},
    ],
)
async def test_a_change_that_cannot_be_right_is_refused_as_a_whole(change: dict) -> None:
    """A secret that no key opens, or a URL that is no path, is seen when it comes, and nothing that came with it is applied."""
    beside = {"open.c.get": route("open.c.get")}
    bad = CatalogUpdate(
        epoch="e1", version=2, full=False, apps=change.get("apps", {}), routes={**beside, **change.get("routes", {})}
    )
    catalog, _ = await refreshed(full(apps={"a": app()}), bad)
    assert (catalog.version, catalog.rejected_updates, list(catalog.apps)) == (1, 1, ["a"])
    assert "open.c.get" not in catalog.routes
