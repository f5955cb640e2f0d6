"""Ground for the tests of order_service and warehouse_service: databases, sample rows, running instances, callers."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import sqlalchemy as sa
from starlette.types import ASGIApp

from openplatform.sql import Database, upgrade
from warehouse_service import repository as warehouse_repository
from warehouse_service.repository import Cause

INTERNAL_KEY = "key-of-the-integration-tests"
ZONE = ZoneInfo("Asia/Shanghai")
MERCHANT, OTHER_MERCHANT = 101, 202
NOON = datetime(2024, 5, 31, 4, 0, 0, tzinfo=UTC)
"""2024-05-31 12:00:00 in Shanghai."""
BACKENDS = ["mariadb", "sqlite"]

_request_numbers = itertools.count(1)


def empty_database_url(request: pytest.FixtureRequest, backend: str, folder: Path, name: str) -> str:
    """The URL of a new, empty database on MariaDB or SQLite, gone after the test."""
    if backend == "sqlite":
        return f"sqlite+aiosqlite:///{folder}/{name}.db"
    fresh_database: Callable[[str], str] = request.getfixturevalue("fresh_database")
    return fresh_database(name)


async def migrated_database_url(request: pytest.FixtureRequest, backend: str, folder: Path, package: str) -> str:
    """The same with the tables of `package`."""
    url = empty_database_url(request, backend, folder, package)
    await asyncio.to_thread(upgrade, url, package)
    return url


def as_merchant(vender_id: int, **headers: str) -> dict[str, str]:
    """Headers of a call that the gateway made for a merchant, with a request id of its own and as much time as a busy machine needs."""
    return {
        "X-Internal-Key": INTERNAL_KEY,
        "X-Vender-Id": str(vender_id),
        "X-App-Key": "app-1",
        "X-Request-Deadline-Ms": "60000",
        "X-Request-Id": f"request-{next(_request_numbers)}",
    } | {name.replace("_", "-"): value for name, value in headers.items()}


async def insist(call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """A call that is told to come again, since all connections are busy, comes again."""
    while (answer := await call()).status_code == 503:
        await asyncio.sleep(0.01)
    return answer


@asynccontextmanager
async def calling(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application in this process; its faults come back as answers, as they would over a wire."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def sample_order(order_id: int, vender_id: int = MERCHANT, **columns: Any) -> dict[str, Any]:
    """An order awaiting shipment, with one line of product 1001 and a coupon, created and modified at NOON."""
    return {
        "order_id": order_id,
        "vender_id": vender_id,
        "state": 2,
        "order_create_date": NOON,
        "order_sum": 19_900,
        "pin": "Tom",
        "cons_name": "欧阳娜娜",
        "cons_mobile_phone": "13812345678",
        "cons_phone": "010-66668888",
        "cons_address": "北京市朝阳区建国路88号5号楼1201室",
        "cons_email": "nana@example.com",
        "items": [{"sku_id": 1001, "sku_name": "茶杯", "num": 2, "price": 9_950, "outer_id": "CUP-1"}],
        "coupons": [{"coupon_price": 100, "coupon_type": 1, "rf_code": "R1"}],
    } | columns


async def add_warehouse(database: Database, code: str, vender_id: int = MERCHANT, **columns: Any) -> int:
    """A warehouse of a merchant; returns its w_id."""
    row = {"vender_id": vender_id, "warehouse_sn": code, "warehouse_name": f"库{code}", "modified_time": NOON}
    async with database.begin() as connection:
        [w_id] = await warehouse_repository.add_warehouses(connection, [row | columns])
    return w_id


async def add_stock(database: Database, w_id: int, counts: Mapping[int, int], vender_id: int = MERCHANT) -> None:
    """Opening stock: product_id → on hand."""
    cause = Cause(vender_id=vender_id, reference="opening", app_key="", request_id="", at=NOON)
    rows = [
        {"product_id": product_id, "w_id": w_id, "current_cnt": cnt, "average_cost": Decimal("12.30")}
        for product_id, cnt in counts.items()
    ]
    async with database.begin() as connection:
        await warehouse_repository.add_stock(connection, rows, cause)


async def rows_of(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    """Everything in a table, in the order of its primary key."""
    async with database.read() as connection:
        found = await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        return [dict(row) for row in found.mappings()]
