"""open.warehouse.get, .create and .update, and warehouses found by code."""

from typing import Any

import httpx

from openplatform.sql import Database
from tests.business_services import MERCHANT, OTHER_MERCHANT, as_merchant, rows_of
from tests.integration.warehouse_service.conftest import Stocked
from warehouse_service.tables import warehouse_info

FULL = {
    "warehouse_sn": "CD-01",
    "warehouse_name": "成都仓",
    "warehouse_phone": "028-65550000",
    "contact": "王芳",
    "province": "22",
    "city": "1930",
    "district": "4284",
    "address": "双流区航空路 1 号",
}


async def post(
    client: httpx.AsyncClient, path: str, vender_id: int = MERCHANT, /, **body: Any
) -> tuple[int, dict[str, Any]]:
    answer = await client.post(path, json=body, headers=as_merchant(vender_id))
    return answer.status_code, answer.json()


async def test_a_warehouse_is_made_shown_and_found(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """With everything that was sent, enabled, for its merchant alone."""
    status, made = await post(client, "/warehouses", MERCHANT, **FULL)
    assert status == 200, made
    warehouse = made["warehouse"]
    assert warehouse | {"modified_time": "", "w_id": 0} == FULL | {
        "province": 22, "city": 1930, "district": 4284, "warehouse_status": 1, "modified_time": "", "w_id": 0,
    }  # fmt: skip
    shown = await client.get(f"/warehouses/{warehouse['w_id']}", headers=as_merchant(MERCHANT))
    assert shown.json() == made
    found = await client.get("/warehouses", params={"warehouse_sn": "CD-01"}, headers=as_merchant(MERCHANT))
    assert (found.json()["warehouses"], found.json()["total_results"]) == ([warehouse], 1)
    foreign = await client.get(f"/warehouses/{warehouse['w_id']}", headers=as_merchant(OTHER_MERCHANT))
    assert (foreign.status_code, foreign.json()["sub_code"]) == (404, "isv.warehouse-not-exists")


async def test_a_code_is_taken_once_over_all_merchants(
    client: httpx.AsyncClient, database: Database, stocked: Stocked
) -> None:
    """Letter case counts; the refusal names the code; the same call again, by its key, is answered as the first time."""
    status, refused = await post(client, "/warehouses", warehouse_sn="WH900", warehouse_name="n")
    assert (status, refused["sub_code"]) == (409, "isv.warehouse-code-taken")
    first = await post(client, "/warehouses", warehouse_sn="wh900", warehouse_name="n", idempotency_key="k")
    again = await post(client, "/warehouses", warehouse_sn="wh900", warehouse_name="n", idempotency_key="k")
    assert first[0] == 200
    assert first == again
    assert len(await rows_of(database, warehouse_info)) == 4


async def test_what_is_sent_is_changed_and_the_rest_stays(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """Also the status: a disabled warehouse holds nothing new."""
    status, changed = await post(client, f"/warehouses/{stocked.main}", contact="李伟", status="0")
    assert status == 200
    warehouse = changed["warehouse"]
    assert (warehouse["contact"], warehouse["warehouse_status"]) == ("李伟", 0)
    assert (warehouse["warehouse_sn"], warehouse["warehouse_name"]) == ("WH001", "库WH001")
    assert warehouse["modified_time"] > "2024-05-31 12:00:00"
    items = f'[{{"product_id": 1001, "w_id": {stocked.main}, "cnt": 1}}]'
    assert (await post(client, "/stock/lock", order_id="7", items=items))[1]["sub_code"] == "isv.warehouse-disabled"
    assert (await post(client, f"/warehouses/{stocked.main}", status="1"))[0] == 200
    assert (await post(client, "/stock/lock", order_id="7", items=items))[0] == 200


async def test_another_merchants_warehouse_cannot_be_changed(
    client: httpx.AsyncClient, database: Database, stocked: Stocked
) -> None:
    """It is not there, as an unknown one."""
    before = await rows_of(database, warehouse_info)
    for w_id in (stocked.foreign, 30_000):
        status, refused = await post(client, f"/warehouses/{w_id}", contact="李伟")
        assert (status, refused["sub_code"]) == (404, "isv.warehouse-not-exists")
    assert await rows_of(database, warehouse_info) == before


async def test_stock_is_searched_without_a_condition_and_by_how_little_is_left(
    client: httpx.AsyncClient, stocked: Stocked
) -> None:
    """Page by page, sorted by product, then warehouse; of the merchant alone."""

    async def found(**params: str) -> tuple[list[tuple[int, int]], int]:
        answer = await client.get("/stock/search", params=params, headers=as_merchant(MERCHANT))
        stocks = answer.json()["stocks"]
        return [(stock["product_id"], stock["w_id"]) for stock in stocks], answer.json()["total_results"]

    main, second = stocked.main, stocked.second
    assert await found() == ([(1001, main), (1001, second), (1002, main)], 3)
    assert await found(page_size="2", page_no="2") == ([(1002, main)], 3)
    assert await found(most_available="5") == ([(1001, second), (1002, main)], 2)
    assert await found(most_available="5", w_id=str(main)) == ([(1002, main)], 1)
    assert await found(w_id=str(stocked.foreign)) == ([], 0)
