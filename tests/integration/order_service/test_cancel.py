"""open.order.cancel: state check, intent, release, cancelled; safe to repeat, finished after a crash."""

import asyncio
from typing import Any, NoReturn

import pytest

from openplatform.errors import REMOTE_TIMEOUT, PlatformUnavailable, ServiceRejected, business_error
from openplatform.idempotency import call_key
from openplatform.web import Caller
from order_service.clients import WarehouseClient
from order_service.repository import Move
from order_service.service import CANCEL, SHIP, OrderErrands, OrderState, Wish
from order_service.service.moves import make_move
from order_service.tables import order_intent, order_log
from tests.business_services import MERCHANT, NOON, OTHER_MERCHANT, as_merchant, insist, rows_of, sample_order
from tests.integration.order_service.conftest import Orders, TurnedClock, Warehouse

pytestmark = pytest.mark.usefixtures("warehouse")


class BrokenWarehouse(WarehouseClient):
    """Plays a warehouse whose answer never comes, or a crash in the middle of asking it."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def release(self, order: Any, deadline_s: float) -> NoReturn:
        raise self._error

    async def deduct(self, order: Any, deadline_s: float) -> NoReturn:
        raise self._error


class Crash(BaseException):
    """What no code survives: the process is gone."""


async def test_cancelling_releases_the_stock_and_records_who_and_why(orders: Orders, warehouse: Warehouse) -> None:
    """2 → 6, the order holds nothing any more, one line in the order log."""
    await orders.add(sample_order(501), sample_order(502))
    await warehouse.hold(501, 3)
    await warehouse.hold(502, 4)
    answer = await orders.cancel(501, reason="买错了")
    assert answer.status_code == 200, answer.text
    order = answer.json()["order"]
    assert (order["order_id"], order["state"]) == (501, 6)
    assert await orders.states() == {501: 6, 502: 2}
    assert (await warehouse.held(), await warehouse.holds()) == (4, [502])
    [entry] = await rows_of(orders.resources.database, order_log)
    assert (entry["order_id"], entry["vender_id"], entry["from_state"], entry["to_state"]) == (501, MERCHANT, 2, 6)
    assert (entry["cause"], entry["app_key"], entry["api_name"]) == ("买错了", "app-1", "open.order.cancel")
    assert entry["request_id"].startswith("request-")
    shown = await orders.client.get("/orders/501", headers=as_merchant(MERCHANT))
    assert shown.json()["order"]["modified"] == order["modified"]


@pytest.mark.parametrize("state", [1, 2, 5])
async def test_an_order_is_cancelled_from_every_state_that_allows_it(orders: Orders, state: int) -> None:
    """Also one that holds no stock."""
    await orders.add(sample_order(501, state=state))
    assert (await orders.cancel(501)).status_code == 200
    assert await orders.states() == {501: 6}


@pytest.mark.parametrize(("state", "title"), [(3, "3 (awaiting receipt)"), (4, "4 (completed)")])
async def test_an_illegal_move_is_refused_and_names_both_states(
    orders: Orders, warehouse: Warehouse, state: int, title: str
) -> None:
    """Nothing is stored and nothing released."""
    await orders.add(sample_order(501, state=state))
    await warehouse.hold(501, 3)
    answer = await orders.cancel(501)
    assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.invalid-state")
    assert title in answer.json()["sub_msg"]
    assert "6 (cancelled)" in answer.json()["sub_msg"]
    assert await rows_of(orders.resources.database, order_intent) == []
    assert await warehouse.held() == 3


async def test_cancelling_again_answers_the_same_and_writes_nothing(orders: Orders) -> None:
    """With a new request id, with the same one, and with another reason."""
    await orders.add(sample_order(501))
    headers = as_merchant(MERCHANT)
    first = await orders.client.post("/orders/501/cancel", json={"reason": "one"}, headers=headers)
    again = await orders.client.post("/orders/501/cancel", json={"reason": "one"}, headers=headers)
    later = await orders.cancel(501, reason="another")
    assert first.json() == again.json() == later.json()
    assert [entry["cause"] for entry in await rows_of(orders.resources.database, order_log)] == ["one"]


async def test_an_idempotency_key_binds_to_its_call(orders: Orders) -> None:
    """The same key for another order is refused before anything happens."""
    await orders.add(sample_order(501), sample_order(502))
    assert (await orders.cancel(501, idempotency_key="k")).status_code == 200
    other = await orders.cancel(502, idempotency_key="k")
    assert (other.status_code, other.json()["sub_code"]) == (409, "isv.idempotency-key-reused")
    assert await orders.states() == {501: 6, 502: 2}


async def test_many_cancellations_of_one_order_at_once_are_one(orders: Orders, warehouse: Warehouse) -> None:
    """All are told the same; the stock is released once."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    answers = await asyncio.gather(*(insist(lambda: orders.cancel(501)) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(await rows_of(orders.resources.database, order_log)) == 1
    assert await warehouse.held() == 0


async def test_another_merchants_order_cannot_be_cancelled(orders: Orders, warehouse: Warehouse) -> None:
    """It is not there, as an unknown one; its stock stays held."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    for order_id, vender_id in ((501, OTHER_MERCHANT), (777, MERCHANT)):
        answer = await orders.cancel(order_id, vender_id)
        assert (answer.status_code, answer.json()["sub_code"]) == (404, "isv.order-not-exists")
    assert await orders.states() == {501: 2}
    assert await warehouse.held() == 3


def errands(orders: Orders, warehouse: WarehouseClient | None = None) -> OrderErrands:
    """What the service's own are, with another warehouse if wanted."""
    r = orders.resources
    return OrderErrands(r.database, warehouse or r.warehouse, r.clock, orders.settings, kinds=(CANCEL, SHIP))


async def cancel_with(orders: Orders, order_id: int, error: BaseException) -> None:
    """Cancels while asking the warehouse ends in `error`."""
    caller = Caller(MERCHANT, "app-1", "request-crashed")
    key = call_key(caller, "open.order.cancel", {"order_id": str(order_id), "reason": "r"})
    await errands(orders, BrokenWarehouse(error)).run(CANCEL, caller, order_id, Wish(reason="r"), key)


async def crash_in_cancelling(orders: Orders, order_id: int) -> None:
    """The intent is stored, then the process ends while the warehouse is asked."""
    with pytest.raises(Crash):
        await cancel_with(orders, order_id, Crash())


async def test_a_crash_between_intent_and_release_is_finished_by_the_sweeper(
    orders: Orders, warehouse: Warehouse, clock: TurnedClock
) -> None:
    """Not at once, since the call may still be at work, but once it is old enough; a second sweep finds nothing."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    await crash_in_cancelling(orders, 501)
    assert (await orders.states(), await warehouse.held()) == ({501: 2}, 3)
    assert await errands(orders).sweep() == 0
    clock.ahead_s += orders.settings.sweep_after_s + 1
    assert await errands(orders).sweep() == 1
    assert (await orders.states(), await warehouse.held()) == ({501: 6}, 0)
    [entry] = await rows_of(orders.resources.database, order_log)
    assert (entry["cause"], entry["request_id"]) == ("r", "request-crashed")
    clock.ahead_s += 3600
    assert await errands(orders).sweep() == 0


async def test_a_crash_between_release_and_the_last_step_is_finished_too(
    orders: Orders, warehouse: Warehouse, clock: TurnedClock
) -> None:
    """The stock is released already: releasing again does no harm."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    await crash_in_cancelling(orders, 501)
    await warehouse.client.post("/stock/unlock", json={"order_id": "501"}, headers=as_merchant(MERCHANT))
    clock.ahead_s += orders.settings.sweep_after_s + 1
    assert await errands(orders).sweep() == 1
    assert (await orders.states(), await warehouse.held()) == ({501: 6}, 0)


async def test_the_caller_may_finish_what_a_crash_left(orders: Orders, warehouse: Warehouse) -> None:
    """Cancelling again goes on from the stored intent, whose reason stays."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    await crash_in_cancelling(orders, 501)
    assert (await orders.cancel(501, reason="second")).status_code == 200
    assert (await orders.states(), await warehouse.held()) == ({501: 6}, 0)
    assert [entry["cause"] for entry in await rows_of(orders.resources.database, order_log)] == ["r"]


async def test_two_sweepers_at_once_do_the_work_once(orders: Orders, warehouse: Warehouse, clock: TurnedClock) -> None:
    """Ten left cancellations, two sweepers: each finished by one of them, ten lines in the log."""
    await orders.add(*(sample_order(500 + n) for n in range(10)))
    for n in range(10):
        await crash_in_cancelling(orders, 500 + n)
    clock.ahead_s += orders.settings.sweep_after_s + 1
    finished = await asyncio.gather(errands(orders).sweep(), errands(orders).sweep())
    assert sum(finished) == 10
    assert set((await orders.states()).values()) == {6}
    assert len(await rows_of(orders.resources.database, order_log)) == 10


@pytest.mark.parametrize("error", [REMOTE_TIMEOUT(), business_error("isv.unauthorised", "wrong key", http_status=401)])
async def test_a_warehouse_that_cannot_be_asked_is_our_fault_and_mended_later(
    orders: Orders, warehouse: Warehouse, clock: TurnedClock, error: Exception
) -> None:
    """Retryable, never the caller's error; the sweeper tries ever more slowly, at least once a minute, until it works."""
    await orders.add(sample_order(501))
    await warehouse.hold(501, 3)
    with pytest.raises(PlatformUnavailable, match="recorded"):
        await cancel_with(orders, 501, error)
    pauses = []
    for _ in range(4):
        clock.ahead_s += 120
        began = clock.now()
        assert await errands(orders, BrokenWarehouse(error)).sweep() == 0
        [intent] = await rows_of(orders.resources.database, order_intent)
        pauses.append(round((intent["next_attempt"].timestamp() - began) / 10))
    assert pauses == [1, 2, 4, 6]
    clock.ahead_s += 120
    assert await errands(orders).sweep() == 1
    assert (await orders.states(), await warehouse.held()) == ({501: 6}, 0)


async def test_no_other_move_passes_a_cancellation_on_its_way(orders: Orders) -> None:
    """Its stock may be released already: it must not be shipped."""
    await orders.add(sample_order(501))
    await crash_in_cancelling(orders, 501)
    ship = Move(
        order_id=501,
        vender_id=MERCHANT,
        from_state=OrderState.AWAITING_SHIPMENT,
        to_state=OrderState.AWAITING_RECEIPT,
        api_name="open.order.ship",
        cause="",
        app_key="app-1",
        request_id="r",
        created=NOON,
    )
    with pytest.raises(ServiceRejected, match="being cancelled"):
        await orders.resources.database.run(lambda connection: make_move(connection, ship))
    assert await orders.states() == {501: 2}
