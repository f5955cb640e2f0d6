"""Orders in bulk, as demo data come in."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from order_service.tables import coupon_detail, pop_order_data, pop_order_item
from tests.business_services import MERCHANT, NOON, rows_of, sample_order
from tests.integration.order_service.conftest import Orders


async def test_many_orders_with_different_columns_go_in_together(orders: Orders) -> None:
    """What an order leaves out is filled in, and its lines and coupons belong to it."""
    later = NOON + timedelta(hours=1)
    many: list[dict[str, Any]] = [sample_order(1000 + n) for n in range(450)]
    await orders.add(*many, sample_order(2000, remark="急", created=later, items=[], coupons=[]))
    database = orders.resources.database
    rows = await rows_of(database, pop_order_data)
    assert len(rows) == 451
    assert (rows[0]["created"], rows[0]["modified"], rows[0]["yn"], rows[0]["remark"]) == (NOON, NOON, 1, None)
    assert (rows[-1]["created"], rows[-1]["remark"]) == (later, "急")
    items = await rows_of(database, pop_order_item)
    assert len(items) == len(await rows_of(database, coupon_detail)) == 450
    assert (items[7]["order_id"], items[7]["vender_id"], items[7]["created"]) == (1007, MERCHANT, NOON)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (sample_order(501, colour="red"), ValueError),
        (sample_order(501, items=[{"sku_id": 1, "num": 1, "price": 1, "colour": "red"}]), ValueError),
        (sample_order(501, state=None), IntegrityError),
        (sample_order(501, order_create_date=None), IntegrityError),
        (sample_order(500), IntegrityError),
    ],
)
async def test_what_does_not_fit_is_refused_whole(
    orders: Orders, order: dict[str, Any], error: type[Exception]
) -> None:
    """Nothing of the batch stays."""
    await orders.add(sample_order(500))
    with pytest.raises(error):
        await orders.add(sample_order(502), order)
    assert list(await orders.states()) == [500]
