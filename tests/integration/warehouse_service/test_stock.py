"""open.stock.lock, .unlock and .deduct: all lines or none, repeats count once, every change leaves a movement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from openplatform.idempotency import forget_answers
from openplatform.sql import Database
from tests.business_services import MERCHANT, OTHER_MERCHANT, as_merchant, rows_of
from tests.integration.warehouse_service.conftest import Stocked
from warehouse_service.tables import idempotency_record, stock_hold, stock_movement, warehouse_product


class Warehouse:
    """The API as a merchant's app uses it."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self._client = client
        self._database = database

    async def post(
        self, action: str, order_id: int, items: object = None, vender_id: int = MERCHANT, **more: str
    ) -> httpx.Response:
        body = {"order_id": str(order_id)} | ({} if items is None else {"items": orjson.dumps(items).decode()}) | more
        return await self._client.post(f"/stock/{action}", json=body, headers=as_merchant(vender_id))

    async def counts(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(product_id, w_id) → (on hand, held)."""
        rows = await rows_of(self._database, warehouse_product)
        return {(row["product_id"], row["w_id"]): (row["current_cnt"], row["lock_cnt"]) for row in rows}

    async def holds(self) -> list[tuple[int, int, int, int]]:
        """(order_id, product_id, cnt, state)."""
        rows = await rows_of(self._database, stock_hold)
        return [(row["order_id"], row["product_id"], row["cnt"], row["state"]) for row in rows]

    async def movements(self) -> list[dict[str, Any]]:
        """Every movement but the opening ones."""
        return [row for row in await rows_of(self._database, stock_movement) if row["kind"] != "opening"]


@pytest.fixture
def warehouse(client: httpx.AsyncClient, database: Database, stocked: Stocked) -> Warehouse:
    return Warehouse(client, database)


def line(product_id: int, w_id: int, cnt: int) -> dict[str, int]:
    return {"product_id": product_id, "w_id": w_id, "cnt": cnt}


async def test_locking_holds_every_line_and_writes_movements(warehouse: Warehouse, stocked: Stocked) -> None:
    """Held stock stays on hand; each movement says who, what, before, after and for which order."""
    by_code = {"product_id": "1002", "warehouse_sn": "WH001", "cnt": "2"}
    answer = await warehouse.post("lock", 7, [by_code, line(1001, stocked.main, 3)])
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "order_id": 7,
        "items": [line(1001, stocked.main, 3), line(1002, stocked.main, 2)],
    }
    counts = await warehouse.counts()
    assert counts[1001, stocked.main] == (10, 3)
    assert counts[1002, stocked.main] == (5, 2)
    first, second = await warehouse.movements()
    assert (first["kind"], first["cnt"], first["vender_id"], first["product_id"]) == ("lock", 3, MERCHANT, 1001)
    assert (first["current_before"], first["current_after"]) == (10, 10)
    assert (first["lock_before"], first["lock_after"]) == (0, 3)
    assert (first["reference"], first["app_key"]) == ("order:7", "app-1")
    assert first["request_id"].startswith("request-")
    assert (second["lock_before"], second["lock_after"]) == (0, 2)


async def test_one_line_too_many_and_nothing_is_held(warehouse: Warehouse, stocked: Stocked) -> None:
    """The refusal names the product and what is available; the other lines are not held either."""
    answer = await warehouse.post("lock", 7, [line(1001, stocked.main, 3), line(1002, stocked.main, 6)])
    assert answer.status_code == 409
    assert answer.json() == {
        "sub_code": "isv.stock-not-enough",
        "sub_msg": f"product 1002 in warehouse {stocked.main}: 6 asked for, 5 available",
    }
    assert (await warehouse.counts())[1001, stocked.main] == (10, 0)
    assert await warehouse.holds() == []
    assert await warehouse.movements() == []


async def test_what_is_held_by_one_order_is_not_available_to_another(warehouse: Warehouse, stocked: Stocked) -> None:
    """The last piece goes to one."""
    assert (await warehouse.post("lock", 7, [line(1002, stocked.main, 5)])).status_code == 200
    answer = await warehouse.post("lock", 8, [line(1002, stocked.main, 1)])
    assert answer.json()["sub_code"] == "isv.stock-not-enough"


async def test_stock_that_is_not_the_merchants_does_not_exist(warehouse: Warehouse, stocked: Stocked) -> None:
    """Unknown product, unknown warehouse, unknown code, another merchant's warehouse by number or code: the same answer."""
    unknown = [
        line(555, stocked.main, 1),
        line(1001, 30_000, 1),
        {"product_id": 1001, "warehouse_sn": "NONE", "cnt": 1},
        line(1001, stocked.foreign, 1),
        {"product_id": 1001, "warehouse_sn": "WH900", "cnt": 1},
    ]
    for item in unknown:
        answer = await warehouse.post("lock", 7, [item])
        assert (answer.status_code, answer.json()["sub_code"]) == (404, "isv.stock-not-exists"), item
    assert await warehouse.movements() == []


async def test_a_disabled_warehouse_holds_nothing_new(warehouse: Warehouse, stocked: Stocked) -> None:
    """Its own error, since the stock is there."""
    answer = await warehouse.post("lock", 7, [line(1001, stocked.second, 1)])
    assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.warehouse-disabled")


async def test_the_same_lock_again_answers_the_same_and_holds_once(warehouse: Warehouse, stocked: Stocked) -> None:
    """Also when it is a new request with a new id, as a caller sends after a lost answer."""
    items = [line(1001, stocked.main, 3)]
    first = await warehouse.post("lock", 7, items)
    second = await warehouse.post("lock", 7, items)
    assert first.json() == second.json()
    assert (await warehouse.counts())[1001, stocked.main] == (10, 3)
    assert len(await warehouse.movements()) == 1


async def test_another_number_for_the_same_product_is_a_conflict(warehouse: Warehouse, stocked: Stocked) -> None:
    """The message tells both; the hold stays as it was."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    answer = await warehouse.post("lock", 7, [line(1001, stocked.main, 4)])
    assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.stock-hold-conflict")
    assert "holds 3 of product 1001" in answer.json()["sub_msg"]
    assert await warehouse.holds() == [(7, 1001, 3, 1)]


async def test_an_order_can_hold_further_products_later(warehouse: Warehouse, stocked: Stocked) -> None:
    """What it holds already counts as done, the rest is added."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    answer = await warehouse.post("lock", 7, [line(1001, stocked.main, 3), line(1002, stocked.main, 1)])
    assert answer.status_code == 200
    assert await warehouse.holds() == [(7, 1001, 3, 1), (7, 1002, 1, 1)]
    assert (await warehouse.counts())[1001, stocked.main] == (10, 3)


async def test_unlocking_releases_everything_and_is_safe_to_repeat(warehouse: Warehouse, stocked: Stocked) -> None:
    """The second time there is nothing to release, which is no error."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3), line(1002, stocked.main, 1)])
    first = await warehouse.post("unlock", 7)
    assert first.json() == {"order_id": 7, "items": [line(1001, stocked.main, 3), line(1002, stocked.main, 1)]}
    second = await warehouse.post("unlock", 7)
    assert second.json() == {"order_id": 7, "items": []}
    assert (await warehouse.counts())[1001, stocked.main] == (10, 0)
    assert await warehouse.holds() == []
    last = (await warehouse.movements())[-1]
    assert (last["kind"], last["lock_before"], last["lock_after"]) == ("unlock", 1, 0)


async def test_unlocking_named_products_releases_those_and_in_part(warehouse: Warehouse, stocked: Stocked) -> None:
    """A count releases so many, none releases all of the product; too many is refused and changes nothing."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3), line(1002, stocked.main, 2)])
    part = await warehouse.post("unlock", 7, [{"product_id": 1001, "cnt": 1}])
    assert part.json() == {"order_id": 7, "items": [line(1001, stocked.main, 1)]}
    whole = await warehouse.post("unlock", 7, [{"product_id": 1002}])
    assert whole.status_code == 200
    too_many = await warehouse.post("unlock", 7, [{"product_id": 1001, "cnt": 3}])
    assert (too_many.status_code, too_many.json()["sub_code"]) == (409, "isv.stock-not-held")
    not_held = await warehouse.post("unlock", 7, [{"product_id": 1002}])
    assert not_held.json()["sub_code"] == "isv.stock-not-held"
    assert await warehouse.holds() == [(7, 1001, 2, 1)]
    assert (await warehouse.counts())[1001, stocked.main] == (10, 2)


async def test_deducting_takes_what_is_held_and_answers_the_same_again(warehouse: Warehouse, stocked: Stocked) -> None:
    """On hand and held go down together, once."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    first = await warehouse.post("deduct", 7)
    assert first.json() == {"order_id": 7, "items": [line(1001, stocked.main, 3)]}
    second = await warehouse.post("deduct", 7)
    assert second.json() == first.json()
    assert (await warehouse.counts())[1001, stocked.main] == (7, 0)
    last = (await warehouse.movements())[-1]
    assert (last["kind"], last["current_before"], last["current_after"]) == ("deduct", 10, 7)
    assert (last["lock_before"], last["lock_after"]) == (3, 0)
    released = await warehouse.post("unlock", 7)
    assert released.json()["items"] == []
    late = await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    assert late.status_code == 200
    assert (await warehouse.counts())[1001, stocked.main] == (7, 0)


async def test_an_order_without_stock_cannot_be_deducted(warehouse: Warehouse) -> None:
    """Shipping what was never held would be an error of the caller."""
    answer = await warehouse.post("deduct", 7)
    assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.stock-not-held")


async def test_one_merchant_cannot_touch_the_holds_of_another(warehouse: Warehouse, stocked: Stocked) -> None:
    """The same order number of two merchants are two orders here."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    assert (await warehouse.post("unlock", 7, vender_id=OTHER_MERCHANT)).json()["items"] == []
    named = await warehouse.post("unlock", 7, [{"product_id": 1001}], vender_id=OTHER_MERCHANT)
    assert named.json()["sub_code"] == "isv.stock-not-held"
    assert (await warehouse.post("deduct", 7, vender_id=OTHER_MERCHANT)).json()["sub_code"] == "isv.stock-not-held"
    own = await warehouse.post("lock", 7, [line(1001, stocked.foreign, 9)], vender_id=OTHER_MERCHANT)
    assert own.status_code == 200
    counts = await warehouse.counts()
    assert counts[1001, stocked.main] == (10, 3)
    assert counts[1001, stocked.foreign] == (100, 9)


async def test_a_request_that_comes_twice_is_answered_from_the_first(
    client: httpx.AsyncClient, warehouse: Warehouse, stocked: Stocked
) -> None:
    """The gateway's second try carries the same request id: a partial release happens once."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    headers = as_merchant(MERCHANT)
    body = {"order_id": "7", "items": '[{"product_id": 1001, "cnt": 1}]'}
    answers = [(await client.post("/stock/unlock", json=body, headers=headers)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert await warehouse.holds() == [(7, 1001, 2, 1)]


async def test_an_idempotency_key_works_over_requests_and_binds_to_its_call(
    warehouse: Warehouse, stocked: Stocked
) -> None:
    """Same key and call: the kept answer. Same key, other call: refused. Another merchant's key is another key."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 3)])
    item = [{"product_id": 1001, "cnt": 1}]
    first = await warehouse.post("unlock", 7, item, idempotency_key="k-1")
    again = await warehouse.post("unlock", 7, item, idempotency_key="k-1")
    assert first.json() == again.json()
    assert await warehouse.holds() == [(7, 1001, 2, 1)]
    other = await warehouse.post("unlock", 7, [{"product_id": 1001, "cnt": 2}], idempotency_key="k-1")
    assert (other.status_code, other.json()["sub_code"]) == (409, "isv.idempotency-key-reused")
    foreign = await warehouse.post("unlock", 7, vender_id=OTHER_MERCHANT, idempotency_key="k-1")
    assert foreign.status_code == 200
    upper = await warehouse.post("unlock", 7, item, idempotency_key="K-1")
    assert upper.status_code == 200
    assert await warehouse.holds() == [(7, 1001, 1, 1)]


async def test_a_refused_change_may_succeed_under_the_same_key_later(warehouse: Warehouse, stocked: Stocked) -> None:
    """Only changes that were made are remembered."""
    await warehouse.post("lock", 7, [line(1002, stocked.main, 5)])
    item = [line(1002, stocked.main, 1)]
    refused = await warehouse.post("lock", 8, item, idempotency_key="k-8")
    assert refused.status_code == 409
    await warehouse.post("unlock", 7)
    assert (await warehouse.post("lock", 8, item, idempotency_key="k-8")).status_code == 200


async def test_items_may_come_as_json_or_as_json_text(client: httpx.AsyncClient, stocked: Stocked) -> None:
    """Callers send text; our own clients may send the array itself."""
    body = {"order_id": 7, "items": [{"product_id": 1001, "w_id": stocked.main, "cnt": 1}]}
    assert (await client.post("/stock/lock", json=body, headers=as_merchant(MERCHANT))).status_code == 200


async def test_old_answers_are_forgotten(database: Database, warehouse: Warehouse, stocked: Stocked) -> None:
    """Those kept before the given time go, younger ones stay."""
    await warehouse.post("lock", 7, [line(1001, stocked.main, 1)])
    now = datetime.now(UTC)
    async with database.begin() as connection:
        assert await forget_answers(connection, idempotency_record, now - timedelta(hours=1)) == 0
        assert await forget_answers(connection, idempotency_record, now + timedelta(hours=1)) == 1
