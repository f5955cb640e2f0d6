"""Stock under many callers at once, over two instances with connections of their own."""

import asyncio
import random
from collections import Counter

import httpx
import orjson

from openplatform.sql import Database
from tests.business_services import MERCHANT, add_stock, add_warehouse, as_merchant, insist, rows_of
from warehouse_service.tables import stock_hold, stock_movement, warehouse_product


async def post(client: httpx.AsyncClient, action: str, order_id: int, items: object = None) -> tuple[int, str]:
    """(HTTP status, sub_code)."""
    body = {"order_id": str(order_id)} | ({} if items is None else {"items": orjson.dumps(items).decode()})
    headers = as_merchant(MERCHANT)
    answer = await insist(lambda: client.post(f"/stock/{action}", json=body, headers=headers))
    return answer.status_code, answer.json().get("sub_code", "")


async def test_a_hundred_lockings_of_a_stock_of_fifty_give_fifty(
    instances: list[httpx.AsyncClient], database: Database
) -> None:
    """Exactly fifty succeed, the others are told that there is not enough; nothing else happens to anybody."""
    w_id = await add_warehouse(database, "WH001")
    await add_stock(database, w_id, {1001: 50})
    item = [{"product_id": 1001, "w_id": w_id, "cnt": 1}]
    answers = await asyncio.gather(*(post(instances[n % 2], "lock", 1 + n, item) for n in range(100)))
    assert Counter(answers) == {(200, ""): 50, (409, "isv.stock-not-enough"): 50}
    [stock] = await rows_of(database, warehouse_product)
    assert (stock["current_cnt"], stock["lock_cnt"]) == (50, 50)
    assert len(await rows_of(database, stock_hold)) == 50


async def test_one_order_locked_by_many_at_once_holds_once(
    instances: list[httpx.AsyncClient], database: Database
) -> None:
    """Twenty times the same call with different request ids: all answer yes, one hold, one movement."""
    w_id = await add_warehouse(database, "WH001")
    await add_stock(database, w_id, {1001: 50})
    item = [{"product_id": 1001, "w_id": w_id, "cnt": 5}]
    answers = await asyncio.gather(*(post(instances[n % 2], "lock", 7, item) for n in range(20)))
    assert Counter(answers) == {(200, ""): 20}
    [stock] = await rows_of(database, warehouse_product)
    assert stock["lock_cnt"] == 5
    assert len(await rows_of(database, stock_hold)) == 1


async def test_lines_in_any_order_never_end_in_a_deadlock_or_below_zero(
    instances: list[httpx.AsyncClient], database: Database
) -> None:
    """Locks of several products in shuffled order, released and deducted in between: the books agree at the end."""
    w_id = await add_warehouse(database, "WH001")
    products = [1001, 1002, 1003, 1004]
    await add_stock(database, w_id, dict.fromkeys(products, 30))
    chance = random.Random(3)  # the same shuffles in every run

    async def life(order_id: int) -> list[tuple[int, str]]:
        chosen = chance.sample(products, 3)
        items = [{"product_id": product_id, "w_id": w_id, "cnt": chance.randint(1, 3)} for product_id in chosen]
        client = instances[order_id % 2]
        last = ("unlock", "deduct", "unlock", None)[order_id % 4]
        seen = [await post(client, "lock", order_id, items)]
        if last is not None and seen[0][0] == 200:
            twice = await asyncio.gather(post(client, last, order_id), post(instances[0], last, order_id))
            seen += twice
        return seen

    answers = Counter(answer for seen in await asyncio.gather(*map(life, range(1, 81))) for answer in seen)
    assert set(answers) <= {(200, ""), (409, "isv.stock-not-enough")}

    held: Counter[int] = Counter()
    gone: Counter[int] = Counter()
    for hold in await rows_of(database, stock_hold):
        (held if hold["state"] == 1 else gone)[hold["product_id"]] += hold["cnt"]
    for stock in await rows_of(database, warehouse_product):
        product_id = stock["product_id"]
        assert stock["lock_cnt"] == held[product_id]
        assert stock["current_cnt"] == 30 - gone[product_id]
        assert 0 <= stock["lock_cnt"] <= stock["current_cnt"]

    # Each movement begins where the one before it ended: nothing was lost between them.
    last_counts: dict[int, tuple[int, int]] = {}
    for movement in await rows_of(database, stock_movement):
        before = (movement["current_before"], movement["lock_before"])
        assert last_counts.get(movement["product_id"], (0, 0)) == before
        last_counts[movement["product_id"]] = (movement["current_after"], movement["lock_after"])
