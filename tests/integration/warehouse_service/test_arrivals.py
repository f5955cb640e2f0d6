"""open.stock.inbound and open.stock.receive: goods announced, goods that came, and what a piece costs on average."""

import asyncio
import random
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest

from openplatform.sql import Database
from tests.business_services import MERCHANT, OTHER_MERCHANT, add_warehouse, as_merchant, insist, rows_of
from tests.integration.warehouse_service.conftest import Stocked
from warehouse_service.service import moved_average
from warehouse_service.tables import idempotency_record, stock_hold, stock_movement, warehouse_product


async def post(
    client: httpx.AsyncClient, action: str, items: object, vender_id: int = MERCHANT, **more: str
) -> tuple[int, dict[str, Any]]:
    body, headers = {"items": orjson.dumps(items).decode()} | more, as_merchant(vender_id)
    answer = await insist(lambda: client.post(f"/stock/{action}", json=body, headers=headers))
    return answer.status_code, answer.json()


def line(product_id: int, w_id: int, cnt: int, unit_cost: object = None) -> dict[str, object]:
    cost = {} if unit_cost is None else {"unit_cost": unit_cost}
    return {"product_id": product_id, "w_id": w_id, "cnt": cnt} | cost


async def test_announced_goods_are_in_transit_and_then_on_hand_at_the_new_average(
    client: httpx.AsyncClient, database: Database, stocked: Stocked
) -> None:
    """10 at 12.30 and 5 at 20.00 are 15 at 14.87; each step leaves a movement with cost, counts, reference and who."""
    status, announced = await post(client, "inbound", [line(1001, stocked.main, 8)], reference="PO-7")
    assert (status, announced) == (200, {"items": [line(1001, stocked.main, 8) | {"in_transit_cnt": 8}]})
    by_code = {"product_id": "1001", "warehouse_sn": "WH001", "cnt": "5", "unit_cost": "20.00"}
    status, received = await post(client, "receive", [by_code], reference="PO-7")
    counts = {"current_cnt": 15, "in_transit_cnt": 3, "average_cost": "14.87"}
    assert (status, received) == (200, {"items": [line(1001, stocked.main, 5) | counts]})
    answer = await client.get("/stock", params={"product_ids": "1001"}, headers=as_merchant(MERCHANT))
    stock = answer.json()["stocks"][0]
    assert (stock["current_cnt"], stock["in_transit_cnt"], stock["average_cost"]) == (15, 3, "14.87")
    inbound, receive = (await rows_of(database, stock_movement))[-2:]
    assert (inbound["kind"], inbound["in_transit_before"], inbound["in_transit_after"]) == ("inbound", 0, 8)
    assert (inbound["cost_before"], inbound["cost_after"], inbound["unit_cost"]) == (Decimal("12.30"),) * 2 + (None,)
    assert (receive["kind"], receive["current_before"], receive["current_after"]) == ("receive", 10, 15)
    assert (receive["in_transit_before"], receive["in_transit_after"]) == (8, 3)
    costs = (receive["cost_before"], receive["unit_cost"], receive["cost_after"])
    assert costs == (Decimal("12.30"), Decimal("20.00"), Decimal("14.87"))
    assert (receive["reference"], receive["app_key"]) == ("inbound:PO-7", "app-1")


async def test_a_product_that_is_new_to_a_warehouse_comes_in(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """Announcing adds it with nothing on hand; its first goods set its cost."""
    assert (await post(client, "inbound", [line(7007, stocked.main, 3)]))[0] == 200
    _, received = await post(client, "receive", [line(7007, stocked.main, 2, 0.5)])
    assert received["items"][0]["average_cost"] == "0.50"
    assert received["items"][0]["current_cnt"] == 2


async def test_more_than_announced_is_refused_with_all_its_lines(
    client: httpx.AsyncClient, database: Database, stocked: Stocked
) -> None:
    """The refusal names the product and both numbers; nothing of the call stays."""
    await post(client, "inbound", [line(1001, stocked.main, 5), line(1002, stocked.main, 5)])
    before = await rows_of(database, warehouse_product)
    lines = [line(1001, stocked.main, 5, 1), line(1002, stocked.main, 6, 1)]
    status, refused = await post(client, "receive", lines)
    assert (status, refused["sub_code"]) == (409, "isv.in-transit-not-enough")
    assert f"product 1002 in warehouse {stocked.main}: 6 received, 5 in transit" in refused["sub_msg"]
    assert await rows_of(database, warehouse_product) == before


async def test_goods_go_into_own_enabled_warehouses_only(
    client: httpx.AsyncClient, database: Database, stocked: Stocked
) -> None:
    """Another merchant's warehouse is not there; a disabled one takes what was announced before, and nothing new."""
    before = await rows_of(database, warehouse_product)
    for item in (
        line(1001, stocked.foreign, 1, 1),
        line(1001, 30_000, 1, 1),
        {"product_id": 1, "warehouse_sn": "WH900", "cnt": 1, "unit_cost": 1},
    ):
        for action in ("inbound", "receive"):
            status, refused = await post(client, action, [item])
            assert (status, refused["sub_code"]) == (404, "isv.stock-not-exists"), (action, item)
    status, refused = await post(client, "inbound", [line(1001, stocked.second, 1)])
    assert (status, refused["sub_code"]) == (409, "isv.warehouse-disabled")
    assert await rows_of(database, warehouse_product) == before
    own = await post(client, "inbound", [line(1001, stocked.foreign, 1)], OTHER_MERCHANT)
    assert own[0] == 200


async def test_stock_never_grows_out_of_its_column(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """What cannot be counted is refused by name, so that everything announced can be received."""
    status, refused = await post(client, "inbound", [line(1001, stocked.main, 2**31 - 1)])
    assert (status, refused["sub_code"]) == (409, "isv.stock-too-much")
    assert (await post(client, "inbound", [line(1001, stocked.main, 2**31 - 11)]))[0] == 200
    _, received = await post(client, "receive", [line(1001, stocked.main, 2**31 - 11, "999999.99")])
    assert received["items"][0]["current_cnt"] == 2**31 - 1


@pytest.mark.parametrize("action", ["inbound", "receive"])
async def test_a_repeated_arrival_counts_once(
    client: httpx.AsyncClient, database: Database, stocked: Stocked, action: str
) -> None:
    """By the request's id and by the caller's key."""
    await post(client, "inbound", [line(1001, stocked.main, 100)])
    lines = [line(1001, stocked.main, 7, "3.33")]
    by_key = [await post(client, action, lines, idempotency_key="k") for _ in range(2)]
    headers, body = as_merchant(MERCHANT), {"items": orjson.dumps(lines).decode()}
    by_id = [(await client.post(f"/stock/{action}", json=body, headers=headers)).json() for _ in range(2)]
    assert by_key[0] == by_key[1]
    assert by_id[0] == by_id[1]
    kinds = [row["kind"] for row in await rows_of(database, stock_movement)]
    assert kinds.count(action) == (3 if action == "inbound" else 2)
    assert len(await rows_of(database, idempotency_record)) == 3


async def test_the_average_is_exact_however_many_receive_at_once(
    instances: list[httpx.AsyncClient], database: Database
) -> None:
    """Sixty goods-in of two products over two instances, half of them announcing meanwhile: the movements are one unbroken row of
    averages, each the formula of the one before it, and the counts add up."""
    w_id = await add_warehouse(database, "WH001")
    products = (1001, 1002)
    assert (await post(instances[0], "inbound", [line(product, w_id, 200) for product in products]))[0] == 200
    chance = random.Random(7)  # the same goods in every run

    async def arrive(number: int) -> int:
        cost = f"{chance.randint(0, 99)}.{chance.randint(0, 99):02}"
        counts = [chance.randint(1, 9) for _ in products]
        order = chance.sample(range(2), 2)
        action, more = ("receive", cost) if number % 2 else ("inbound", None)
        lines = [line(products[i], w_id, counts[i], more) for i in order]
        return (await post(instances[number // 2 % 2], action, lines))[0]

    assert set(await asyncio.gather(*map(arrive, range(60)))) == {200}
    movements = await rows_of(database, stock_movement)
    for stock in await rows_of(database, warehouse_product):
        own = [movement for movement in movements if movement["product_id"] == stock["product_id"]]
        on_hand, in_transit, cost = 0, 0, Decimal("0.00")
        for movement in own:
            before = (movement["current_before"], movement["in_transit_before"], movement["cost_before"])
            assert before == (on_hand, in_transit, cost)
            if movement["kind"] == "receive":
                cost = moved_average(on_hand, cost, movement["cnt"], movement["unit_cost"])
                on_hand, in_transit = on_hand + movement["cnt"], in_transit - movement["cnt"]
            else:
                in_transit += movement["cnt"]
            after = (movement["current_after"], movement["in_transit_after"], movement["cost_after"])
            assert after == (on_hand, in_transit, cost)
        assert (stock["current_cnt"], stock["in_transit_cnt"], stock["average_cost"]) == (on_hand, in_transit, cost)
        assert sum(movement["kind"] == "receive" for movement in own) == 30


async def test_a_lock_that_meets_a_cancellation_holds_nothing_afterwards(
    instances: list[httpx.AsyncClient], database: Database
) -> None:
    """Forty orders locked and released at the same moment, in either order: no hold stays, and a late lock is refused by name."""
    w_id = await add_warehouse(database, "WH001")
    await post(instances[0], "inbound", [line(1001, w_id, 100)])
    await post(instances[0], "receive", [line(1001, w_id, 100, 1)])

    async def meet(order_id: int) -> None:
        lock = post(instances[0], "lock", [line(1001, w_id, 1)], order_id=str(order_id))
        release = post(instances[1], "release", [], order_id=str(order_id))
        first, second = (lock, release) if order_id % 2 else (release, lock)
        answers = await asyncio.gather(first, second)
        outcomes = {(status, body.get("sub_code", "")) for status, body in answers}
        assert outcomes <= {(200, ""), (409, "isv.order-closed")}

    await asyncio.gather(*map(meet, range(1, 41)))
    assert await rows_of(database, stock_hold) == []
    [stock] = await rows_of(database, warehouse_product)
    assert stock["lock_cnt"] == 0
    status, refused = await post(instances[0], "lock", [line(1001, w_id, 1)], order_id="7")
    assert (status, refused["sub_code"]) == (409, "isv.order-closed")
    other = await post(instances[0], "release", [], OTHER_MERCHANT, order_id="900")
    assert other[0] == 200
    assert (await post(instances[0], "lock", [line(1001, w_id, 1)], order_id="900"))[0] == 200
