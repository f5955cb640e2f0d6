"""order_service and warehouse_service while their MySQL is gone or hangs: busy, never a fault, never the caller's error."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

import httpx
import pytest

import order_service.app
import warehouse_service.app
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from order_service.settings import OrderSettings
from tests.business_services import INTERNAL_KEY, MERCHANT, ZONE, as_merchant, calling
from tests.servers import MariaDB, Server
from tests.servers.mariadb import fresh_database as create_database
from tests.waiting import until
from warehouse_service.settings import WarehouseSettings

ITEMS = '[{"product_id": 1, "w_id": 1, "cnt": 1}]'
CALLS: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    "order": [
        ("GET", "/orders", {}),
        ("GET", "/orders/1", {}),
        ("POST", "/orders/1/cancel", {"reason": "r"}),
    ],
    "warehouse": [
        ("GET", "/warehouses", {}),
        ("GET", "/stock", {"product_ids": "1"}),
        ("POST", "/stock/lock", {"order_id": "1", "items": ITEMS}),
        ("POST", "/stock/unlock", {"order_id": "1"}),
        ("POST", "/stock/deduct", {"order_id": "1"}),
    ],
}


class World(NamedTuple):
    server: MariaDB
    clients: dict[str, httpx.AsyncClient]

    async def answers(self, **headers: str) -> list[httpx.Response]:
        """Every API of both services, asked at once."""
        calls = [(self.clients[service], *call) for service, of_service in CALLS.items() for call in of_service]
        return await asyncio.gather(
            *(
                client.request(method, path, **_carried(method, params), headers=as_merchant(MERCHANT, **headers))
                for client, method, path, params in calls
            )
        )

    async def readiness(self) -> set[tuple[int, str]]:
        """(status, what /readyz says of the database) of both."""
        answers = [await client.get("/readyz") for client in self.clients.values()]
        return {(answer.status_code, answer.json()["checks"]["database"]) for answer in answers}

    def is_well(self, healthy: set[tuple[int, str]]) -> Callable[[], Awaitable[bool]]:
        """Whether both answer as they did when all was well, and say that they are ready."""

        async def holds() -> bool:
            return statuses(await self.answers()) == healthy and await self.readiness() == {(200, "ok")}

        return holds


def _carried(method: str, params: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"params" if method == "GET" else "json": params}


@pytest.fixture
async def world(own_server: Callable[[type[Server]], MariaDB]) -> AsyncIterator[World]:
    server = await asyncio.to_thread(own_server, MariaDB)
    common = {"redis_url": "memory://", "internal_keys": (INTERNAL_KEY,), "time_zone": ZONE}
    urls = {name: create_database(server.url, name) for name in CALLS}
    for name, url in urls.items():
        await asyncio.to_thread(upgrade, url, f"{name}_service")
    orders = OrderSettings(database_url=urls["order"], **common)  # type: ignore[arg-type]
    warehouse = WarehouseSettings(database_url=urls["warehouse"], **common)  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        order_resources = await enter(order_service.app.open_resources(orders, Embedded()))
        stock_resources = await enter(warehouse_service.app.open_resources(warehouse, Embedded()))
        clients = {
            "order": await enter(calling(order_service.app.create_app(order_resources, orders))),
            "warehouse": await enter(calling(warehouse_service.app.create_app(stock_resources, warehouse))),
        }
        yield World(server, clients)


def statuses(answers: list[httpx.Response]) -> set[tuple[int, str]]:
    return {(answer.status_code, answer.json().get("sub_code", "")) for answer in answers}


BUSY = {(503, "isp.platform-unavailable")}


async def test_a_killed_database_makes_the_services_busy_until_it_is_back(world: World) -> None:
    """Every API answers 503, /readyz says which store; with the database back all is well, without a restart."""
    healthy = statuses(await world.answers())
    assert not healthy & BUSY
    await until(world.is_well(healthy))
    await asyncio.to_thread(world.server.kill)
    assert statuses(await world.answers()) == BUSY
    assert {status for status, _ in await world.readiness()} == {503}
    assert [(await client.get("/healthz")).status_code for client in world.clients.values()] == [200, 200]
    await asyncio.to_thread(world.server.start)
    await until(world.is_well(healthy))


async def test_a_hung_database_makes_the_services_busy_at_the_callers_deadline(world: World) -> None:
    """Connections stay open and nothing answers: the caller hears 503 in time, and the connections are not lost for good."""
    healthy = statuses(await world.answers())
    world.server.pause()
    try:
        for _ in range(4):
            async with asyncio.timeout(30):
                assert statuses(await world.answers(X_Request_Deadline_Ms="400")) == BUSY
        assert {status for status, _ in await world.readiness()} == {503}
    finally:
        world.server.resume()
    await until(world.is_well(healthy))
