"""What callers send wrongly, and what does not come from the gateway: each is answered by name, before any database is asked."""

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
import pytest_asyncio

from openplatform.adapters.embedded import Embedded
from tests.business_services import INTERNAL_KEY, MERCHANT, ZONE, as_merchant, calling
from warehouse_service.app import create_app, open_resources
from warehouse_service.settings import WarehouseSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """Over a database that is never opened: a call that reached it would find no tables and answer 500."""
    settings = WarehouseSettings(
        database_url=f"sqlite+aiosqlite:///{tmp_path_factory.getbasetemp()}/never-opened.db",
        redis_url="memory://",
        internal_keys=(INTERNAL_KEY,),
        time_zone=ZONE,
    )
    async with open_resources(settings, Embedded()) as resources, calling(create_app(resources, settings)) as client:
        yield client


BAD_QUERIES = [
    ("/warehouses", "status", "2"),
    ("/warehouses", "status", "true"),
    ("/warehouses", "page_no", "0"),
    ("/warehouses", "page_size", "101"),
    ("/stock", "product_ids", "1,a"),
    ("/stock", "product_ids", "2147483648"),
    ("/stock", "product_ids", ",".join(map(str, range(1, 103)))),
    ("/stock", "product_ids", "-1"),
    ("/stock", "w_id", "32768"),
    ("/stock", "w_id", "0"),
    ("/stock", "warehouse_sn", "TOOLONG"),
    ("/stock/search", "most_available", "-1"),
    ("/stock/search", "product_ids", "1,a"),
    ("/warehouses/0", "w_id", ""),
    ("/warehouses/32768", "w_id", ""),
    ("/warehouses/WH001", "w_id", ""),
]


@pytest.mark.parametrize(("path", "name", "value"), BAD_QUERIES)
async def test_a_bad_query_is_refused_by_the_parameters_name(
    client: httpx.AsyncClient, path: str, name: str, value: str
) -> None:
    """400, isv.invalid-parameter:NAME."""
    answer = await client.get(path, params={name: value}, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, f"isv.invalid-parameter:{name}")


async def test_stock_without_any_condition_is_refused(client: httpx.AsyncClient) -> None:
    """Which stock has to be said."""
    answer = await client.get("/stock", headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, "isv.missing-parameter:product_ids")


GOOD = {"product_id": 1001, "w_id": 1, "cnt": 1}
BAD_ITEMS = [
    ("[]", "items"),
    ("{}", "items"),
    ("nonsense", "items"),
    ("[1]", "items"),
    ("[" * 10_000, "items"),
    (orjson.dumps([GOOD, GOOD]).decode(), "items"),
    (orjson.dumps([GOOD | {"product_id": 2000 + n} for n in range(101)]).decode(), "items"),
    (orjson.dumps([GOOD | {"warehouse_sn": "WH001"}]).decode(), "items"),
    (orjson.dumps([{"product_id": 1001, "cnt": 1}]).decode(), "items"),
    (orjson.dumps([GOOD | {"cnt": 0}]).decode(), "items.cnt"),
    (orjson.dumps([GOOD | {"cnt": -5}]).decode(), "items.cnt"),
    (orjson.dumps([GOOD | {"cnt": 1.5}]).decode(), "items.cnt"),
    (orjson.dumps([GOOD | {"cnt": True}]).decode(), "items.cnt"),
    (orjson.dumps([GOOD | {"cnt": "1e3"}]).decode(), "items.cnt"),
    (orjson.dumps([GOOD | {"cnt": None}]).decode(), "items.cnt"),
    (orjson.dumps([GOOD | {"cnt": 2**31}]).decode(), "items.cnt"),
    ('[{"product_id": 1001, "w_id": 1, "cnt": 1e309}]', "items"),
    ('[{"product_id": 1001, "w_id": 1, "cnt": 99999999999999999999999}]', "items.cnt"),
    ('[{"product_id": NaN, "w_id": 1, "cnt": 1}]', "items"),
    (orjson.dumps([GOOD | {"product_id": 2**31}]).decode(), "items.product_id"),
    (orjson.dumps([{"w_id": 1, "cnt": 1}]).decode(), "items.product_id"),
    (orjson.dumps([GOOD | {"w_id": 2**15}]).decode(), "items.w_id"),
    (orjson.dumps([GOOD | {"w_id": [1]}]).decode(), "items.w_id"),
    ('[{"product_id": 1001, "warehouse_sn": "TOOLONG", "cnt": 1}]', "items.warehouse_sn"),
    ('[{"product_id": 1001, "warehouse_sn": 5, "cnt": 1}]', "items.warehouse_sn"),
]


@pytest.mark.parametrize(("items", "name"), BAD_ITEMS)
async def test_bad_items_are_refused_by_name(client: httpx.AsyncClient, items: str, name: str) -> None:
    """400 and the member that is wrong."""
    body = {"order_id": "7", "items": items}
    answer = await client.post("/stock/lock", json=body, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, f"isv.invalid-parameter:{name}"), answer.text


BAD_COSTS = [None, "", "-1", "1.234", "1000000", "1e3", "NaN", "１", True, [1], -0.5, 0.125, "12,30"]


@pytest.mark.parametrize("cost", BAD_COSTS)
async def test_a_cost_is_yuan_with_at_most_two_decimals(client: httpx.AsyncClient, cost: object) -> None:
    """400 by name; what is no JSON number or text of digits is no cost."""
    items = orjson.dumps([GOOD | {"unit_cost": cost}]).decode()
    answer = await client.post("/stock/receive", json={"items": items}, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, "isv.invalid-parameter:items.unit_cost")


BAD_WAREHOUSES = [
    ("/warehouses", {}, "isv.missing-parameter:warehouse_sn"),
    ("/warehouses", {"warehouse_sn": "WH001"}, "isv.missing-parameter:warehouse_name"),
    ("/warehouses", {"warehouse_sn": "TOOLONG", "warehouse_name": "n"}, "isv.invalid-parameter:warehouse_sn"),
    ("/warehouses", {"warehouse_sn": "a b", "warehouse_name": "n"}, "isv.invalid-parameter:warehouse_sn"),
    ("/warehouses", {"warehouse_sn": "仓库一", "warehouse_name": "n"}, "isv.invalid-parameter:warehouse_sn"),
    ("/warehouses", {"warehouse_sn": "A", "warehouse_name": "长" * 11}, "isv.invalid-parameter:warehouse_name"),
    ("/warehouses", {"warehouse_sn": "A", "warehouse_name": "  "}, "isv.missing-parameter:warehouse_name"),
    ("/warehouses/1", {}, "isv.missing-parameter:warehouse_name"),
    ("/warehouses/1", {"warehouse_sn": "WH002"}, "isv.invalid-parameter:warehouse_sn"),
    ("/warehouses/1", {"status": "2"}, "isv.invalid-parameter:status"),
    ("/warehouses/1", {"city": "32768"}, "isv.invalid-parameter:city"),
    ("/warehouses/1", {"warehouse_phone": "1" * 21}, "isv.invalid-parameter:warehouse_phone"),
    ("/warehouses/x", {"contact": "n"}, "isv.invalid-parameter:w_id"),
    ("/stock/inbound", {}, "isv.missing-parameter:items"),
    ("/stock/inbound", {"reference": "r" * 51}, "isv.invalid-parameter:reference"),
]


@pytest.mark.parametrize(("path", "body", "sub_code"), BAD_WAREHOUSES)
async def test_a_bad_warehouse_or_arrival_is_refused_by_name(
    client: httpx.AsyncClient, path: str, body: dict[str, str], sub_code: str
) -> None:
    """400 before anything is stored."""
    answer = await client.post(path, json=body, headers=as_merchant(MERCHANT))
    assert (answer.status_code, answer.json()["sub_code"]) == (400, sub_code)


@pytest.mark.parametrize("action", ["lock", "unlock", "deduct", "release"])
async def test_an_order_number_is_required_and_checked(client: httpx.AsyncClient, action: str) -> None:
    """400 by name."""
    for body, sub_code in (
        ({}, "isv.missing-parameter:order_id"),
        ({"order_id": "x"}, "isv.invalid-parameter:order_id"),
        ({"order_id": "9" * 19}, "isv.invalid-parameter:order_id"),
    ):
        answer = await client.post(f"/stock/{action}", json=body, headers=as_merchant(MERCHANT))
        assert (answer.status_code, answer.json()["sub_code"]) == (400, sub_code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/warehouses"),
        ("GET", "/stock"),
        ("POST", "/stock/lock"),
        ("POST", "/stock/unlock"),
        ("POST", "/stock/deduct"),
        ("POST", "/stock/release"),
        ("POST", "/stock/inbound"),
        ("POST", "/stock/receive"),
        ("GET", "/stock/search"),
        ("POST", "/warehouses"),
        ("GET", "/warehouses/1"),
        ("POST", "/warehouses/1"),
    ],
)
async def test_calls_that_did_not_come_through_the_gateway_are_refused(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    """401 without the key, with a wrong one, without a merchant."""
    for headers in (
        {"X-Vender-Id": str(MERCHANT)},
        {"X-Internal-Key": "wrong", "X-Vender-Id": str(MERCHANT)},
        {"X-Internal-Key": INTERNAL_KEY},
        {"X-Internal-Key": INTERNAL_KEY, "X-Vender-Id": "abc"},
    ):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 401
