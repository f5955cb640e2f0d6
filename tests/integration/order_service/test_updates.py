"""open.order.state.update and open.order.remark.update."""

import httpx
import pytest

from order_service.tables import order_log, pop_order_data
from tests.business_services import MERCHANT, NOON, OTHER_MERCHANT, as_merchant, rows_of, sample_order
from tests.integration.order_service.conftest import Orders

ALLOWED_HERE = {(1, 2), (2, 5), (3, 4), (3, 5), (5, 3), (5, 4)}
BY_ANOTHER_API = {(2, 3): "open.order.ship", **{(state, 6): "open.order.cancel" for state in (1, 2, 5)}}
TITLES = {
    1: "1 (awaiting payment)",
    2: "2 (awaiting shipment)",
    3: "3 (awaiting receipt)",
    4: "4 (completed)",
    5: "5 (in after-sale)",
    6: "6 (cancelled)",
}


async def move(orders: Orders, order_id: int, state: int, vender_id: int = MERCHANT, **more: str) -> httpx.Response:
    body = {"state": str(state), "reason": "because"} | more
    return await orders.client.post(f"/orders/{order_id}/state", json=body, headers=as_merchant(vender_id))


async def test_every_move_is_made_refused_or_sent_to_its_own_api(orders: Orders) -> None:
    """All 36 pairs: the allowed ones happen and are logged with their cause; the others change nothing and name both states, and
    those that need the warehouse name the API that asks it."""
    pairs = [(current, wanted) for current in range(1, 7) for wanted in range(1, 7)]
    order_ids = {pair: 500 + number for number, pair in enumerate(pairs)}
    await orders.add(
        *(sample_order(order_id, state=pair[0], outbound_date=NOON if pair[0] in (3, 4, 5) else None)
          for pair, order_id in order_ids.items())
    )  # fmt: skip
    for (current, wanted), order_id in order_ids.items():
        answer = await move(orders, order_id, wanted)
        if (current, wanted) in ALLOWED_HERE:
            assert answer.status_code == 200, answer.text
            order = answer.json()["order"]
            assert (order["order_id"], order["state"]) == (order_id, wanted)
            continue
        assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.invalid-state")
        assert TITLES[current] in answer.json()["sub_msg"]
        assert TITLES[wanted] in answer.json()["sub_msg"]
        assert BY_ANOTHER_API.get((current, wanted), "") in answer.json()["sub_msg"]
    states = await orders.states()
    moved = {order_ids[pair]: pair[1] if pair in ALLOWED_HERE else pair[0] for pair in pairs}
    assert states == moved
    log = await rows_of(orders.resources.database, order_log)
    assert [(row["from_state"], row["to_state"]) for row in log] == [pair for pair in pairs if pair in ALLOWED_HERE]
    assert {(row["cause"], row["app_key"], row["api_name"]) for row in log} == {
        ("because", "app-1", "open.order.state.update")
    }


async def test_what_never_left_is_not_received(orders: Orders) -> None:
    """In after-sale before it was shipped: it can be shipped or cancelled, nothing else."""
    await orders.add(sample_order(501, state=5))
    for wanted in (3, 4):
        answer = await move(orders, 501, wanted)
        assert (answer.status_code, answer.json()["sub_code"]) == (409, "isv.invalid-state")
        assert "open.order.ship" in answer.json()["sub_msg"]


async def test_payment_and_completion_have_their_times(orders: Orders) -> None:
    """The order says when it was paid and when it was completed."""
    await orders.add(sample_order(501, state=1), sample_order(502, state=3, outbound_date=NOON))
    await move(orders, 501, 2)
    await move(orders, 502, 4)
    paid, completed = await rows_of(orders.resources.database, pop_order_data)
    assert paid["payment_confirm_time"] == paid["modified"] > NOON
    assert completed["order_completetime"] == completed["modified"] > NOON
    assert paid["order_completetime"] is None


async def test_a_move_that_comes_twice_is_made_once(orders: Orders) -> None:
    """By the request's id and by the caller's key; without either, the second is no move any more."""
    await orders.add(sample_order(501, state=3), sample_order(502, state=3))
    headers = as_merchant(MERCHANT)
    body = {"state": "4", "reason": "received"}
    by_id = [await orders.client.post("/orders/501/state", json=body, headers=headers) for _ in range(2)]
    by_key = [await move(orders, 502, 4, idempotency_key="k") for _ in range(2)]
    assert by_id[0].json() == by_id[1].json()
    assert by_key[0].json() == by_key[1].json()
    assert len(await rows_of(orders.resources.database, order_log)) == 2
    assert (await move(orders, 501, 4)).status_code == 409


async def test_a_remark_replaces_the_one_before_and_counts_as_a_change(orders: Orders) -> None:
    """In any state; nothing else changes."""
    await orders.add(sample_order(501, state=4, remark="旧"))
    before = (await rows_of(orders.resources.database, pop_order_data))[0]
    answer = await orders.client.post("/orders/501/remark", json={"remark": "礼品 🎁"}, headers=as_merchant(MERCHANT))
    assert answer.status_code == 200, answer.text
    after = (await rows_of(orders.resources.database, pop_order_data))[0]
    assert answer.json()["order"]["remark"] == after["remark"] == "礼品 🎁"
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"remark", "modified", "change_seq"}


@pytest.mark.parametrize("order_id", [501, 777])
async def test_another_merchants_order_is_not_there(orders: Orders, order_id: int) -> None:
    """As an unknown one; it stays as it was."""
    await orders.add(sample_order(501, OTHER_MERCHANT, state=3, outbound_date=NOON))
    before = await rows_of(orders.resources.database, pop_order_data)
    remark = await orders.client.post(f"/orders/{order_id}/remark", json={"remark": "x"}, headers=as_merchant(MERCHANT))
    for answer in (await move(orders, order_id, 4), remark):
        assert (answer.status_code, answer.json()["sub_code"]) == (404, "isv.order-not-exists")
    assert await rows_of(orders.resources.database, pop_order_data) == before
