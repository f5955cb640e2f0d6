"""Two merchants and every route of both services: nobody reads or changes what belongs to the other."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from openplatform.adapters.embedded import Embedded
from openplatform.sql import Database
from order_service import app as orders_app
from order_service import repository as order_repository
from order_service.settings import OrderSettings
from order_service.tables import metadata as order_tables
from tests.business_services import (
    BACKENDS,
    INTERNAL_KEY,
    MERCHANT,
    OTHER_MERCHANT,
    ZONE,
    add_stock,
    add_warehouse,
    as_merchant,
    calling,
    migrated_database_url,
    rows_of,
    sample_order,
)
from tests.serving import serving
from warehouse_service import app as warehouse_app
from warehouse_service.settings import WarehouseSettings
from warehouse_service.tables import metadata as stock_tables

OWNER, STRANGER = MERCHANT, OTHER_MERCHANT
MARK, SUM = "OWNERS-OWN", 777_001_001
"""Stand in the owner's data only: an answer to the stranger that has one of them has shown it."""
OWNERS_ORDERS, STRANGERS_ORDERS = tuple(range(7001, 7007)), tuple(range(8001, 8007))
OWNERS_KEY = "owners-key"
NOTHING_OF_OURS = {"/healthz", "/readyz", "/metrics"}
Key = tuple[str, str]
World = dict[Key, httpx.AsyncClient]

# What a merchant would send to each route about its own data; the numbers of orders and warehouses are filled in.
CALLS: Mapping[Key, dict[str, object]] = {
    ("GET", "/orders"): {"order_ids": "{0},{1}", "sku_id": "{sku}", "pin": "{pin}", "page_size": "1"},
    ("GET", "/orders/increment"): {"start_time": "2024-01-01 00:00:00", "page_size": "1"},
    ("GET", "/orders/{order_id}"): {"order_id": "{0}"},
    ("POST", "/orders/{order_id}/state"): {"order_id": "{0}", "state": "5", "reason": "r"},
    ("POST", "/orders/{order_id}/remark"): {"order_id": "{1}", "remark": "m"},
    ("POST", "/orders/{order_id}/ship"): {"order_id": "{2}", "carrier": "c", "waybill": "w"},
    ("POST", "/orders/{order_id}/cancel"): {"order_id": "{3}", "reason": "r"},
    ("GET", "/warehouses"): {"warehouse_sn": "{code}"},
    ("GET", "/warehouses/{w_id}"): {"w_id": "{w_id}"},
    ("POST", "/warehouses"): {"warehouse_sn": "{free}", "warehouse_name": "n"},
    ("POST", "/warehouses/{w_id}"): {"w_id": "{w_id}", "contact": "c"},
    ("GET", "/stock"): {"product_ids": "{sku}", "w_id": "{w_id}"},
    ("GET", "/stock/search"): {"most_available": "100000"},
    ("POST", "/stock/lock"): {"order_id": "{4}", "items": '[{"product_id":{sku},"w_id":{w_id},"cnt":1}]'},
    ("POST", "/stock/unlock"): {"order_id": "{4}", "items": '[{"product_id":{sku}}]'},
    ("POST", "/stock/deduct"): {"order_id": "{5}"},
    ("POST", "/stock/release"): {"order_id": "{1}"},
    ("POST", "/stock/inbound"): {"items": '[{"product_id":{sku},"warehouse_sn":"{code}","cnt":2}]'},
    ("POST", "/stock/receive"): {"items": '[{"product_id":{sku},"w_id":{w_id},"cnt":1,"unit_cost":"1"}]'},
}


@dataclass(frozen=True)
class Side:
    """A merchant's own numbers."""

    vender_id: int
    orders: tuple[int, ...]
    w_id: int
    code: str
    sku: int
    pin: str

    def fill(self, text: str) -> str:
        values: dict[str, object] = {str(n): order_id for n, order_id in enumerate(self.orders)}
        values |= {"w_id": self.w_id, "code": self.code, "sku": self.sku, "pin": self.pin, "free": f"F{self.sku}"}
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def params(self, route: Key) -> dict[str, str]:
        return {name: self.fill(str(value)) for name, value in CALLS[route].items()}


@dataclass
class Ground:
    """Both services running, with the data of two merchants; `sent`: calls the owner made; `kept`: what it has, table by table."""

    clients: World
    databases: tuple[Database, Database]
    owner: Side
    stranger: Side
    cursors: tuple[str, ...] = ()
    sent: list[tuple[Key, dict[str, str]]] = field(default_factory=list)
    kept: dict[str, list[dict[str, Any]]] | None = None

    async def call(self, route: Key, side: Side, params: Mapping[str, str], **headers: str) -> httpx.Response:
        method, path = route
        sent = dict(params)
        for name in [name for name in sent if "{" + name + "}" in path]:
            path = path.replace("{" + name + "}", sent.pop(name))
        options: dict[str, Any] = {"params": sent} if method == "GET" else {"json": sent}
        all_headers = as_merchant(side.vender_id, X_Data_Scope="pii", **headers)
        return await self.clients[route].request(method, path, headers=all_headers, **options)

    async def owners(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of the owner's, in both databases."""
        found: dict[str, list[dict[str, Any]]] = {}
        for database, tables in zip(self.databases, (order_tables, stock_tables), strict=True):
            for table in tables.sorted_tables:
                rows = await rows_of(database, table)
                own = "vender_id" if "vender_id" in table.c else "w_id"
                value = self.owner.vender_id if own == "vender_id" else self.owner.w_id
                found[table.fullname + str(id(database))] = [row for row in rows if row[own] == value]
        return found


def routes_of(app: ASGIApp) -> list[Key]:
    assert isinstance(app, Starlette)
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route) and route.path not in NOTHING_OF_OURS
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


@pytest.fixture(params=BACKENDS)
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    """Each merchant with six orders, of which some hold stock, and a warehouse; the owner's texts all carry the mark."""
    embedded, shared = Embedded(), {"redis_url": "memory://", "internal_keys": (INTERNAL_KEY,), "time_zone": ZONE}
    order_url = await migrated_database_url(request, request.param, tmp_path, "order_service")
    stock_url = await migrated_database_url(request, request.param, tmp_path, "warehouse_service")
    listener = socket.create_server(("127.0.0.1", 0))  # whoever calls before it is served waits
    async with AsyncExitStack() as stack:
        stock_settings = WarehouseSettings(database_url=stock_url, port=listener.getsockname()[1], **shared)  # type: ignore[arg-type]
        order_settings = OrderSettings(database_url=order_url, port=1, warehouse_timeout_s=60, **shared)  # type: ignore[arg-type]
        stock = await stack.enter_async_context(warehouse_app.open_resources(stock_settings, embedded))
        stock_app = await stack.enter_async_context(warehouse_app.open_app(stock_settings, embedded))
        await stack.enter_async_context(serving(stock_app, listener=listener))
        orders = await stack.enter_async_context(orders_app.open_resources(order_settings, embedded))
        order_app = orders_app.create_app(orders, order_settings)
        clients: World = {}
        for app in (order_app, stock_app):
            client = await stack.enter_async_context(calling(app))
            clients |= dict.fromkeys(routes_of(app), client)
        sides = []
        for vender_id, order_ids, code, sku, text in (
            (OWNER, OWNERS_ORDERS, "OWN-1", 1001, MARK),
            (STRANGER, STRANGERS_ORDERS, "STR-1", 2002, "stranger"),
        ):
            w_id = await add_warehouse(stock.database, code, vender_id, contact=text[:10], address=text)
            await add_stock(stock.database, w_id, {sku: 50_000}, vender_id)
            side = Side(vender_id, order_ids, w_id, code, sku, f"{text} buyer")
            sides.append(side)
            async with orders.database.begin() as connection:
                await order_repository.add_orders(connection, [order_of(side, number, text) for number in order_ids])
        ground = Ground(clients, (orders.database, stock.database), sides[0], sides[1])
        await prepare(ground)
        yield ground


def order_of(side: Side, order_id: int, text: str) -> dict[str, Any]:
    personal = dict.fromkeys(("cons_name", "cons_address", "remark", "vat_info", "order_sign"), text)
    items = [{"sku_id": side.sku, "num": 1, "price": SUM if text == MARK else 1, "sku_name": text}]
    order_sum = SUM if text == MARK else 1
    return sample_order(order_id, side.vender_id, pin=side.pin, items=items, order_sum=order_sum, **personal)


async def prepare(ground: Ground) -> None:
    """Both hold stock and have goods on their way; the owner has used its key, and has cursors."""
    for side in (ground.owner, ground.stranger):
        for order_id in side.orders[2:6]:
            items = side.fill('[{"product_id":{sku},"w_id":{w_id},"cnt":1}]')
            await good(ground, ("POST", "/stock/lock"), side, {"order_id": str(order_id), "items": items})
        items = side.fill('[{"product_id":{sku},"w_id":{w_id},"cnt":1000}]')
        await good(ground, ("POST", "/stock/inbound"), side, {"items": items})
    owner = ground.owner
    await good(ground, ("POST", "/orders/{order_id}/remark"), owner, {
        "order_id": str(owner.orders[0]), "remark": MARK, "idempotency_key": OWNERS_KEY,
    })  # fmt: skip
    await good(ground, ("POST", "/stock/unlock"), owner, {
        "order_id": str(owner.orders[5]), "idempotency_key": OWNERS_KEY,
    })  # fmt: skip
    found = await good(ground, ("GET", "/orders"), owner, {"page_size": "2"})
    followed = await good(ground, ("GET", "/orders/increment"), owner, owner.params(("GET", "/orders/increment")))
    ground.cursors = (found["next_cursor"], followed["next_cursor"])
    ground.kept = await ground.owners()


async def good(ground: Ground, route: Key, side: Side, params: Mapping[str, str]) -> dict[str, Any]:
    own_id = {"X_Request_Id": f"owner-{len(ground.sent)}"} if side is ground.owner else {}
    answer = await ground.call(route, side, params, **own_id)
    assert answer.status_code == 200, (route, answer.text)
    if side is ground.owner:
        ground.sent.append((route, dict(params)))
    return dict(answer.json())


async def harmless(ground: Ground, route: Key, params: Mapping[str, str], **headers: str) -> None:
    """The stranger makes the call: it shows nothing of the owner's, and changes nothing of it."""
    answer = await ground.call(route, ground.stranger, params, **headers)
    assert answer.status_code < 500, (route, params, answer.text)
    assert MARK not in answer.text, (route, params)
    assert str(SUM) not in answer.text, (route, params)
    assert await ground.owners() == ground.kept, (route, params)


async def test_every_route_is_called_and_works_for_its_merchant(ground: Ground) -> None:
    """The calls of this test are those of both services, none left out, and each succeeds on the caller's own data."""
    assert set(CALLS) == set(ground.clients)
    for route in CALLS:
        await good(ground, route, ground.stranger, ground.stranger.params(route))
    assert await ground.owners() == ground.kept


async def test_the_owners_very_calls_do_nothing_for_a_stranger(ground: Ground) -> None:
    """Each route with the owner's numbers throughout, then with nothing but its path, and what the owner has called already, with its
    idempotency keys; under the owner's request ids too."""
    for route in CALLS:
        params = ground.owner.params(route)
        await harmless(ground, route, params)
        await harmless(ground, route, {name: value for name, value in params.items() if "{" + name + "}" in route[1]})
    for number, (route, params) in enumerate(ground.sent):
        await harmless(ground, route, params)
        await harmless(ground, route, params, X_Request_Id=f"owner-{number}")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_a_stranger_sees_and_changes_nothing(ground: Ground, data: st.DataObject) -> None:
    """Any route with any mixture of both merchants' order numbers, warehouses, codes, products, buyers, cursors, idempotency keys and
    request ids: no answer carries the owner's mark, and not one row of the owner's changes."""
    route = data.draw(st.sampled_from(sorted(CALLS)), "route")
    own, foreign = ground.stranger.params(route), ground.owner.params(route)
    only_foreign = data.draw(st.booleans(), "only foreign")
    params = {
        name: foreign[name] if only_foreign else data.draw(st.sampled_from((own[name], foreign[name]))) for name in own
    }
    if "order_id" in params:
        params["order_id"] = str(data.draw(st.sampled_from((*OWNERS_ORDERS, *STRANGERS_ORDERS, 1)), "order_id"))
    if "items" in params:
        params["items"] = data.draw(items_of(ground), "items")
    for name, values in (
        ("idempotency_key", (OWNERS_KEY, "own-key")),
        ("cursor", ground.cursors),
        ("w_id", (str(ground.owner.w_id), "30000")),
        ("vender_id", (str(OWNER),)),
        ("X-Vender-Id", (str(OWNER),)),
    ):
        if data.draw(st.integers(0, 3), f"with {name}") == 0:
            params[name] = data.draw(st.sampled_from(values), name)
    for name in data.draw(st.lists(st.sampled_from(sorted(params)), max_size=2), "left out"):
        if "{" + name + "}" not in route[1]:
            params.pop(name, None)
    await harmless(ground, route, params)


def items_of(ground: Ground) -> st.SearchStrategy[str]:
    """Lines that mix both merchants' products and warehouses."""
    sides = (ground.owner, ground.stranger)
    place = st.one_of(
        *(st.just({"w_id": side.w_id}) for side in sides), *(st.just({"warehouse_sn": side.code}) for side in sides)
    )
    line = st.builds(
        lambda product_id, where, cnt: {"product_id": product_id, "cnt": cnt, "unit_cost": "1"} | where,
        st.sampled_from([side.sku for side in sides]),
        place,
        st.integers(1, 3),
    )
    lines = st.lists(line, min_size=1, max_size=2, unique_by=lambda line: line["product_id"])
    return lines.map(lambda chosen: orjson.dumps(chosen).decode())
