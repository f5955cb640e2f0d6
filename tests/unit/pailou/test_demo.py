"""Promises of the demo data."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from openplatform.parameter_schema import ParameterSchema
from order_service.service import OrderState
from pailou.demo.apis import EXAMPLES, MAPPINGS
from pailou.demo.call_logs import CALLS, QUIET, build_call_logs
from pailou.demo.orders import build_orders
from pailou.demo.world import (
    CANCEL_ORDER,
    DEDUCT_ORDER,
    LOCK_ORDER,
    MERCHANTS,
    OPEN_ORDER,
    PRODUCTS,
    RECEIVED_ORDER,
    SHIP_ORDER,
    WAREHOUSES,
)

NOW = datetime(2026, 7, 31, 4, 0, tzinfo=UTC)
ORDERS = {merchant.vender_id: list(build_orders(merchant, NOW)) for merchant in MERCHANTS}
ALL_ORDERS = [order for orders in ORDERS.values() for order in orders]


def test_two_hundred_orders_over_thirty_days() -> None:
    """There are 200 orders with numbers of their own, spread over the last 30 days, none in the future."""
    assert len({order["order_id"] for order in ALL_ORDERS}) == 200
    created = [order["order_create_date"] for order in ALL_ORDERS]
    assert timedelta(days=29) < NOW - min(created) < timedelta(days=31)
    times = ("order_create_date", "modified", "payment_confirm_time", "outbound_date", "order_completetime")
    assert all(order[name] is None or order[name] <= NOW for order in ALL_ORDERS for name in times)


def test_every_state_occurs_and_fits_its_times() -> None:
    """All six states occur; only shipped orders have a waybill, only completed ones an end; sums add up."""
    assert {order["state"] for order in ALL_ORDERS} == {state.value for state in OrderState}
    for order in ALL_ORDERS:
        assert (order["order_completetime"] is not None) == (order["state"] == OrderState.COMPLETED)
        assert (order["carrier_id"] is None) == (order["outbound_date"] is None)
        goods = sum(item["price"] * item["num"] for item in order["items"])
        off = sum(coupon["coupon_price"] for coupon in order["coupons"])
        assert order["suppose_pay"] == goods + order["freight"] - off > 0


def test_some_orders_have_coupons_and_several_lines() -> None:
    """Orders have one to four lines, and a part of them a coupon."""
    lines = Counter(len(order["items"]) for order in ALL_ORDERS)
    assert set(lines) == {1, 2, 3, 4}
    assert 30 < sum(bool(order["coupons"]) for order in ALL_ORDERS) < 110


def test_the_examples_orders_wait_for_shipment() -> None:
    """The orders that the examples name belong to the first merchant and can be cancelled, held for, deducted and shipped; one can be
    completed."""
    by_id = {order["order_id"]: order for order in ORDERS[MERCHANTS[0].vender_id]}
    named = {OPEN_ORDER, CANCEL_ORDER, DEDUCT_ORDER, LOCK_ORDER, SHIP_ORDER}
    assert len(named) == 5
    assert by_id[RECEIVED_ORDER]["state"] == OrderState.AWAITING_RECEIPT
    assert all(by_id[order_id]["state"] == OrderState.AWAITING_SHIPMENT for order_id in named)


def test_three_warehouses_with_the_merchants_own_products() -> None:
    """Three warehouses with codes of five characters, every merchant has at least one and products to put in."""
    assert len({warehouse.sn for warehouse in WAREHOUSES}) == 3
    assert all(len(warehouse.sn) == 5 and len(warehouse.name) <= 10 for warehouse in WAREHOUSES)
    assert {warehouse.vender_id for warehouse in WAREHOUSES} == set(PRODUCTS)


def test_every_api_has_schema_answer_and_example() -> None:
    """Each public API has a schema that its example satisfies in names, and an answer that is an object."""
    assert {mapping.gateway_api_name for mapping in MAPPINGS} == set(EXAMPLES)
    for mapping in MAPPINGS:
        assert mapping.request_schema is not None
        assert mapping.response_example
        example = EXAMPLES[mapping.gateway_api_name]
        assert set(mapping.request_schema["required"]) <= set(example) <= set(mapping.request_schema["properties"])
        json.dumps(mapping.response_example)
        ParameterSchema(mapping.request_schema).judge(example, ())


def test_a_day_of_calls_that_alarms_nobody() -> None:
    """The past calls cover a day, have ids of their own, errors among them, and none in the monitor's window."""
    records = list(build_call_logs(NOW, "127.0.0.1"))
    assert len({record.requestId for record in records}) == CALLS
    times = [record.receiveTime / 1000 for record in records]
    assert NOW.timestamp() - max(times) >= QUIET.total_seconds()
    assert 20 * 3600 < max(times) - min(times) <= 86_400
    errors = sum(record.errorCode != "0" for record in records)
    assert 0.01 < errors / CALLS < 0.06
