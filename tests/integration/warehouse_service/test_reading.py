"""open.warehouse.search and open.stock.get."""

import httpx

from tests.business_services import MERCHANT, OTHER_MERCHANT, as_merchant
from tests.integration.warehouse_service.conftest import Stocked


async def test_warehouses_of_the_merchant_are_listed_by_number(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """All columns, times in the platform's zone, with the total; nothing of other merchants."""
    answer = await client.get("/warehouses", headers=as_merchant(MERCHANT))
    assert answer.status_code == 200
    body = answer.json()
    assert [warehouse["w_id"] for warehouse in body["warehouses"]] == [stocked.main, stocked.second]
    assert (body["total_results"], body["page_no"], body["page_size"]) == (2, 1, 20)
    assert body["warehouses"][0] == {
        "w_id": stocked.main,
        "warehouse_sn": "WH001",
        "warehouse_name": "库WH001",
        "warehouse_phone": None,
        "contact": None,
        "province": None,
        "city": None,
        "district": None,
        "address": None,
        "warehouse_status": 1,
        "modified_time": "2024-05-31 12:00:00",
    }


async def test_warehouses_can_be_asked_for_by_status_and_page(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """A page beyond the last is empty, whatever its number."""

    async def found(**params: object) -> tuple[list[int], int]:
        answer = await client.get("/warehouses", params=params, headers=as_merchant(MERCHANT))  # type: ignore[arg-type]
        body = answer.json()
        return [warehouse["w_id"] for warehouse in body["warehouses"]], body["total_results"]

    assert await found(status=0) == ([stocked.second], 1)
    assert await found(page_size=1, page_no=2) == ([stocked.second], 2)
    assert await found(page_no=999_999_999_999_999_999) == ([], 2)


async def test_stock_shows_on_hand_held_in_transit_available_and_cost(
    client: httpx.AsyncClient, stocked: Stocked
) -> None:
    """Available is on hand less held; the cost is yuan with two decimals."""
    lock = {"order_id": "7", "items": f'[{{"product_id": 1001, "w_id": {stocked.main}, "cnt": 4}}]'}
    assert (await client.post("/stock/lock", json=lock, headers=as_merchant(MERCHANT))).status_code == 200
    answer = await client.get("/stock", params={"product_ids": "1001"}, headers=as_merchant(MERCHANT))
    body = answer.json()
    assert body["total_results"] == 2
    assert body["stocks"][0] | {"modified_time": ""} == {
        "product_id": 1001,
        "w_id": stocked.main,
        "warehouse_sn": "WH001",
        "current_cnt": 10,
        "lock_cnt": 4,
        "in_transit_cnt": 0,
        "available_cnt": 6,
        "average_cost": "12.30",
        "modified_time": "",
    }


async def test_stock_is_found_by_product_warehouse_number_and_code(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """Conditions add up; codes are compared exactly; what is not there is not in the list."""

    async def found(vender_id: int = MERCHANT, **params: object) -> list[tuple[int, int]]:
        answer = await client.get("/stock", params=params, headers=as_merchant(vender_id))  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [(stock["product_id"], stock["w_id"]) for stock in answer.json()["stocks"]]

    assert await found(product_ids="1002,1001") == [
        (1001, stocked.main),
        (1001, stocked.second),
        (1002, stocked.main),
    ]
    assert await found(w_id=stocked.main) == [(1001, stocked.main), (1002, stocked.main)]
    assert await found(warehouse_sn="WH002") == [(1001, stocked.second)]
    assert await found(warehouse_sn="wh002") == []
    assert await found(product_ids="1002", w_id=stocked.second) == []
    assert await found(product_ids="555") == []
    assert await found(page_size=1, page_no=2, w_id=stocked.main) == [(1002, stocked.main)]
    assert await found(w_id=stocked.foreign) == []
    assert await found(OTHER_MERCHANT, product_ids="1001") == [(1001, stocked.foreign)]
