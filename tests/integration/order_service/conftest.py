"""order_service beside a real warehouse_service, each over its migrated database, on both kinds of server."""

import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.sql import Database, open_database
from order_service import repository
from order_service.app import Resources, create_app, open_resources
from order_service.settings import OrderSettings
from order_service.tables import pop_order_data
from tests.business_services import (
    BACKENDS,
    INTERNAL_KEY,
    MERCHANT,
    ZONE,
    add_stock,
    add_warehouse,
    as_merchant,
    calling,
    migrated_database_url,
    rows_of,
)
from tests.serving import serving
from warehouse_service.app import open_app as open_warehouse
from warehouse_service.settings import WarehouseSettings
from warehouse_service.tables import stock_hold, warehouse_product


class TurnedClock:
    """A clock that tests turn forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@dataclass
class Warehouse:
    """The running warehouse_service: its database, and a client that speaks to it as the merchant."""

    settings: WarehouseSettings
    database: Database
    client: httpx.AsyncClient
    w_id: int

    async def hold(self, order_id: int, cnt: int, product_id: int = 1001) -> None:
        items = [{"product_id": product_id, "w_id": self.w_id, "cnt": cnt}]
        body = {"order_id": str(order_id), "items": orjson.dumps(items).decode()}
        answer = await self.client.post("/stock/lock", json=body, headers=as_merchant(MERCHANT))
        assert answer.status_code == 200, answer.text

    async def held(self) -> int:
        return sum(row["lock_cnt"] for row in await rows_of(self.database, warehouse_product))

    async def on_hand(self) -> int:
        return sum(row["current_cnt"] for row in await rows_of(self.database, warehouse_product))

    async def holds(self) -> list[int]:
        return [row["order_id"] for row in await rows_of(self.database, stock_hold)]


class Orders:
    """The running order_service: its resources, and a client that speaks to it as the gateway does."""

    def __init__(self, settings: OrderSettings, resources: Resources, client: httpx.AsyncClient) -> None:
        self.settings = settings
        self.resources = resources
        self.client = client

    async def add(self, *orders: dict[str, Any]) -> None:
        async with self.resources.database.begin() as connection:
            await repository.add_orders(connection, orders)

    async def cancel(self, order_id: int, vender_id: int = MERCHANT, **params: str) -> httpx.Response:
        body = {"reason": "changed my mind"} | params
        return await self.client.post(f"/orders/{order_id}/cancel", json=body, headers=as_merchant(vender_id))

    async def search(self, vender_id: int = MERCHANT, **params: object) -> dict[str, Any]:
        answer = await self.client.get("/orders", params=params, headers=as_merchant(vender_id))  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def found(self, vender_id: int = MERCHANT, **params: object) -> list[int]:
        """order_ids of a search."""
        return [order["order_id"] for order in (await self.search(vender_id, **params))["orders"]]

    async def states(self) -> dict[int, int]:
        rows: Sequence[dict[str, Any]] = await rows_of(self.resources.database, pop_order_data)
        return {row["order_id"]: row["state"] for row in rows}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def embedded() -> Embedded:
    """The directory that both services share."""
    return Embedded()


@pytest.fixture
async def warehouse(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path, embedded: Embedded
) -> AsyncIterator[Warehouse]:
    """Serving on a port of its own and registered; 50 of product 1001 on hand."""
    url = await migrated_database_url(request, backend, tmp_path, "warehouse_service")
    listener = socket.create_server(("127.0.0.1", 0))  # whoever calls before it is served waits
    settings = WarehouseSettings(
        database_url=url,
        redis_url="memory://",
        internal_keys=(INTERNAL_KEY,),
        time_zone=ZONE,
        port=listener.getsockname()[1],
    )
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(url))
        w_id = await add_warehouse(database, "WH001")
        await add_stock(database, w_id, {1001: 50})
        app = await stack.enter_async_context(open_warehouse(settings, embedded))
        await stack.enter_async_context(serving(app, listener=listener))
        client = await stack.enter_async_context(calling(app))
        yield Warehouse(settings, database, client, w_id)


@pytest.fixture
async def settings(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> OrderSettings:
    url = await migrated_database_url(request, backend, tmp_path, "order_service")
    return OrderSettings(
        database_url=url,
        redis_url="memory://",
        internal_keys=(INTERNAL_KEY,),
        time_zone=ZONE,
        port=1,
        warehouse_timeout_s=60,  # a busy machine is no warehouse that does not answer
    )


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def orders(settings: OrderSettings, embedded: Embedded, clock: TurnedClock) -> AsyncIterator[Orders]:
    """Without its background jobs: tests run the sweeper themselves."""
    async with open_resources(settings, embedded) as opened:
        resources = replace(opened, clock=clock)
        async with calling(create_app(resources, settings)) as client:
            yield Orders(settings, resources, client)
