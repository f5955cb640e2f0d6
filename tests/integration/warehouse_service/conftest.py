"""warehouse_service over a migrated database on both kinds of server, with two merchants' warehouses."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.sql import Database, open_database
from tests.business_services import (
    BACKENDS,
    INTERNAL_KEY,
    OTHER_MERCHANT,
    ZONE,
    add_stock,
    add_warehouse,
    calling,
    migrated_database_url,
)
from warehouse_service.app import create_app, open_resources
from warehouse_service.settings import WarehouseSettings


@dataclass(frozen=True)
class Stocked:
    """A merchant's main and second warehouse, another merchant's one; product 1001: 10, 1002: 5 in main, 1001: 3 in second."""

    main: int
    second: int
    foreign: int


@pytest.fixture(params=BACKENDS)
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> WarehouseSettings:
    url = await migrated_database_url(request, request.param, tmp_path, "warehouse_service")
    return WarehouseSettings(
        database_url=url, redis_url="memory://", internal_keys=(INTERNAL_KEY,), time_zone=ZONE, port=1
    )


@pytest.fixture
async def database(settings: WarehouseSettings) -> AsyncIterator[Database]:
    async with open_database(settings.database_url) as opened:
        yield opened


@pytest.fixture
async def stocked(database: Database) -> Stocked:
    main = await add_warehouse(database, "WH001")
    second = await add_warehouse(database, "WH002", warehouse_status=0)
    foreign = await add_warehouse(database, "WH900", OTHER_MERCHANT)
    await add_stock(database, main, {1001: 10, 1002: 5})
    await add_stock(database, second, {1001: 3})
    await add_stock(database, foreign, {1001: 100, 9009: 7}, OTHER_MERCHANT)
    return Stocked(main, second, foreign)


@pytest.fixture
async def client(settings: WarehouseSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with open_resources(settings, Embedded()) as resources, calling(create_app(resources, settings)) as client:
        yield client


@pytest.fixture
async def instances(settings: WarehouseSettings) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two instances with connections of their own over one database."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            resources = await stack.enter_async_context(open_resources(settings, Embedded()))
            clients.append(await stack.enter_async_context(calling(create_app(resources, settings))))
        yield clients
