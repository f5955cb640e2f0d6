"""open.order.ship: state check, intent, deduction, awaiting receipt; safe to repeat, finished after a crash."""

import asyncio

import httpx
import pytest

from openplatform.errors import REMOTE_TIMEOUT, PlatformUnavailable
from openplatform.idempotency import call_key
from openplatform.web import Caller
from order_service.clients import WarehouseClient
from order_service.repository import find_intents, withdraw_intent
from order_service.service import SHIP, Wish
from order_service.tables import order_intent, order_log, pop_order_data
from tests.business_services import MERCHANT, NOON, OTHER_MERCHANT, as_merchant, insist, rows_of, sample_order
from tests.integration.order_service.conftest import Orders, TurnedClock, Warehouse
from tests.integration.order_service.test_cancel import BrokenWarehouse, Crash, errands

pytestmark = pytest.mark.usefixtures("warehouse")


async def ship(
    orders: Orders, order_id: int, vender_id: int = MERCHANT, waybill: str = "SF1001", **more: str
) -> httpx.Response:
    body = {"carrier": "顺丰", "waybill": waybill} | more
    return await orders.client.post(f"/orders/{order_id}/ship", json=body, headers=as_merchant(vender_id))


async def ship_with(orders: Orders, order_id: int, warehouse: WarehouseClient) -> None:
    caller = Caller(MERCHANT, "app-1", "request-crashed")
    key = call_key(caller, "open.order.ship", {"order_id": str(order_id)})
    wish = Wish(reason="r", carrier="顺丰", waybill="SF1001")
    await errands(orders, warehouse).run(SHIP, caller, order_id, wish, key)


async def test_shipping_deducts_what_is_held_and_says_how_it_travels(orders: Orders, warehouse: Warehouse) -> None:
    """2 → 3 with carrier, waybill and time; the goods are off the books; one line in the order log."""
    await orders.add(sample_order(501), sample_order(502))
    await warehouse.hold(501, 3)
    await warehouse.hold(502, 4)
    answer = await ship(orders, 501, reason="上午发出")
    assert answer.status_code == 200, answer.text
    order = answer.json()["order"]
    shown = (order["order_id"], order["state"], order["carrier"], order["carrier_id"])
    assert shown == (501, 3, "顺丰", "SF1001")
    assert (await orders.states(), await warehouse.held(), await warehouse.on_hand()) == ({501: 3, 502: 2}, 4, 47)
    stored = (await rows_of(orders.resources.database, pop_order_data))[0]
    assert (stored["carrier"], stored["carrier_id"]) == ("顺丰", "SF1001")
    assert stored["outbound_date"] == stored["modified"] > NOON
    [entry] = await rows_of(orders.resources.database, order_log)
    assert (entry["from_state"], entry["to_state"], entry["cause"]) == (2, 3, "上午发出")
    assert (entry["app_key"], entry["api_name"]) == ("app-1", "open.order.ship")


async def test_shipping_again_answers_the_same_and_takes_nothing_more(orders: Orders, warehouse: Warehouse) -> None:
    """With the same waybill; another one is no move any more."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    first, again = await ship(orders, 501), await ship(orders, 501)
    assert first.json() == again.json()
    other = await ship(orders, 501, waybill="SF9999")
    assert (other.status_code, other.json()["sub_code"]) == (409, "isv.invalid-state")
    assert await warehouse.on_hand() == 47
    assert len(await rows_of(orders.resources.database, order_log)) == 1


@pytest.mark.parametrize("state", [1, 3, 4, 6])
async def test_an_order_that_cannot_leave_is_refused_and_nothing_moves(
    orders: Orders, warehouse: Warehouse, state: int
) -> None:
    """The refusal names both states; no intent, no deduction."""
    await orders.add(sample_order(501, state=state))
    await warehouse.hold(501, 3)
    answer = await ship(orders, 501)
    assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.invalid-state")
    assert f"in state {state} (" in answer.json()["sub_msg"]
    assert "3 (awaiting receipt)" in answer.json()["sub_msg"]
    assert await rows_of(orders.resources.database, order_intent) == []
    assert (await warehouse.held(), await warehouse.on_hand()) == (3, 50)


async def test_an_order_that_holds_nothing_is_told_so_and_stays_free(orders: Orders, warehouse: Warehouse) -> None:
    """The intent is withdrawn: the order can be held for and shipped, or cancelled, afterwards."""
    await orders.add(sample_order(501), sample_order(502))
    for order_id in (501, 502):
        answer = await ship(orders, order_id)
        assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.stock-not-held")
    assert await rows_of(orders.resources.database, order_intent) == []
    await warehouse.hold(501, 3)
    assert (await ship(orders, 501)).status_code == 200
    assert (await orders.cancel(502)).status_code == 200
    assert await orders.states() == {501: 3, 502: 6}


async def test_after_sale_before_it_left_can_still_be_shipped(orders: Orders, warehouse: Warehouse) -> None:
    """What has left already is moved by open.order.state.update."""
    await orders.add(sample_order(501, state=5), sample_order(502, state=5, outbound_date=NOON))
    await warehouse.hold(501, 3)
    assert (await ship(orders, 501)).status_code == 200
    left = await ship(orders, 502)
    assert (left.status_code, left.json()["sub_code"]) == (409, "isv.invalid-state")
    assert "open.order.state.update" in left.json()["sub_msg"]


async def test_another_merchants_order_cannot_be_shipped(orders: Orders, warehouse: Warehouse) -> None:
    """It is not there; its stock stays held."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    answer = await ship(orders, 501, OTHER_MERCHANT)
    assert (answer.status_code, answer.json()["sub_code"]) == (404, "isv.order-not-exists")
    assert (await orders.states(), await warehouse.held()) == ({501: 2}, 3)


async def test_many_shipments_of_one_order_at_once_are_one(orders: Orders, warehouse: Warehouse) -> None:
    """All are told the same; the stock is deducted once."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    answers = await asyncio.gather(*(insist(lambda: ship(orders, 501)) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(await rows_of(orders.resources.database, order_log)) == 1
    assert await warehouse.on_hand() == 47


async def test_shipping_and_cancelling_at_once_is_one_of_both(orders: Orders, warehouse: Warehouse) -> None:
    """Twenty orders: each ends shipped with its goods gone or cancelled with its goods back, and the loser is told why."""
    await orders.add(*(sample_order(500 + n) for n in range(20)))
    for n in range(20):
        await warehouse.hold(500 + n, 1)

    async def meet(order_id: int) -> None:
        calls = [insist(lambda: ship(orders, order_id)), insist(lambda: orders.cancel(order_id))]
        answers = await asyncio.gather(*(calls if order_id % 2 else reversed(calls)))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        [refused] = [answer.json() for answer in answers if answer.status_code == 409]
        assert refused["sub_code"] == "isv.invalid-state"

    await asyncio.gather(*(meet(500 + n) for n in range(20)))
    shipped = list((await orders.states()).values()).count(3)
    assert sorted(set((await orders.states()).values()) | {3, 6}) == [3, 6]
    assert (await warehouse.held(), await warehouse.on_hand()) == (0, 50 - shipped)
    intents = await rows_of(orders.resources.database, order_intent)
    assert all(intent["finished"] is not None for intent in intents)


@pytest.mark.parametrize("deducted", [False, True])
async def test_a_crash_is_finished_by_the_sweeper(
    orders: Orders, warehouse: Warehouse, clock: TurnedClock, deducted: bool
) -> None:
    """Before the deduction and after it; until then nothing else may happen to the order."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    with pytest.raises(Crash):
        await ship_with(orders, 501, BrokenWarehouse(Crash()))
    if deducted:
        await warehouse.client.post("/stock/deduct", json={"order_id": "501"}, headers=as_merchant(MERCHANT))
    other_waybill = await ship(orders, 501, waybill="SF9999")
    for refused in (await orders.cancel(501), other_waybill):
        assert (refused.status_code, refused.json()["sub_code"]) == (409, "isv.invalid-state")
        assert "is being shipped by 顺丰 SF1001" in refused.json()["sub_msg"]
    clock.ahead_s += orders.settings.sweep_after_s + 1
    assert await errands(orders).sweep() == 1
    assert (await orders.states(), await warehouse.on_hand(), await warehouse.held()) == ({501: 3}, 47, 0)
    [entry] = await rows_of(orders.resources.database, order_log)
    assert (entry["cause"], entry["request_id"]) == ("r", "request-crashed")


async def test_the_sweeper_gives_up_what_holds_nothing(orders: Orders, clock: TurnedClock) -> None:
    """The order is free again, in the state that it had."""
    await orders.add(sample_order(501))
    with pytest.raises(Crash):
        await ship_with(orders, 501, BrokenWarehouse(Crash()))
    clock.ahead_s += orders.settings.sweep_after_s + 1
    assert await errands(orders).sweep() == 0
    assert await rows_of(orders.resources.database, order_intent) == []
    assert (await orders.cancel(501)).status_code == 200


async def test_a_warehouse_that_does_not_answer_is_our_fault(
    orders: Orders, warehouse: Warehouse, clock: TurnedClock
) -> None:
    """Retryable; repeating the call finishes it, with the waybill that was recorded."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    with pytest.raises(PlatformUnavailable, match="recorded"):
        await ship_with(orders, 501, BrokenWarehouse(REMOTE_TIMEOUT()))
    assert (await ship(orders, 501)).status_code == 200
    assert (await orders.states(), await warehouse.on_hand()) == ({501: 3}, 47)


async def test_an_intent_that_others_took_up_is_not_withdrawn(orders: Orders) -> None:
    """Whoever was first is refused, but a second caller may have been luckier: only an intent untouched since may go."""
    await orders.add(sample_order(501))
    with pytest.raises(Crash):
        await ship_with(orders, 501, BrokenWarehouse(Crash()))
    assert (await ship(orders, 501)).status_code == 409  # holds nothing; joined, and therefore left alone
    [intent] = await rows_of(orders.resources.database, order_intent)
    assert (intent["attempts"], intent["finished"]) == (1, None)
    async with orders.resources.database.begin() as connection:
        stored = (await find_intents(connection, MERCHANT, 501))["ship"]
        await withdraw_intent(connection, stored, attempts=0)
    assert len(await rows_of(orders.resources.database, order_intent)) == 1
