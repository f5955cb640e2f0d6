"""200 orders over the last 30 days: every state, one to four lines each, coupons on a third of them."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from openplatform.sql import Database
from order_service.repository import OrderFilter, add_orders, count_orders, find_items, find_orders
from order_service.service import OrderState
from pailou.demo.world import MERCHANTS, PRODUCTS, RECEIVED_ORDER, WAITING_ORDERS, Merchant

DAYS = 30
_NAMES = (
    "王芳",
    "李伟",
    "张敏",
    "刘洋",
    "陈静",
    "杨勇",
    "赵磊",
    "黄丽",
    "周涛",
    "吴娟",
    "徐强",
    "孙梅",
    "马超",
    "朱琳",
)
_STREETS = ("浙江省杭州市西湖区文三路 {} 号", "广东省深圳市南山区科苑路 {} 号", "四川省成都市高新区天府大道 {} 号")
_REMARKS = ("", "", "", "请尽快发货", "周末送货", "礼品，请勿放价签", "发票随货")
# Chance of each state by the order's age in days; the older, the more of them are completed.
_FRESH = ((OrderState.AWAITING_PAYMENT, 3), (OrderState.AWAITING_SHIPMENT, 6), (OrderState.CANCELLED, 1))
_RECENT = ((OrderState.AWAITING_SHIPMENT, 2), (OrderState.AWAITING_RECEIPT, 6), (OrderState.CANCELLED, 1))
_OLD = (
    (OrderState.AWAITING_RECEIPT, 1),
    (OrderState.COMPLETED, 8),
    (OrderState.AFTER_SALE, 1),
    (OrderState.CANCELLED, 1),
)
Order = dict[str, Any]


async def seed_orders(database: Database, now: datetime) -> None:
    """Inserts the orders of every merchant that has none. now: aware."""
    for merchant in MERCHANTS:
        async with database.begin() as connection:
            if not await count_orders(connection, OrderFilter(vender_id=merchant.vender_id)):
                await add_orders(connection, list(build_orders(merchant, now)))


async def orders_to_ship(database: Database, merchant: Merchant) -> dict[int, list[Order]]:
    """order_id → lines (sku_id, num, …) of the merchant's orders that are paid and have not left."""
    wanted = OrderFilter(vender_id=merchant.vender_id, state=OrderState.AWAITING_SHIPMENT)
    async with database.read() as connection:
        found = await find_orders(connection, wanted, ("order_id",), limit=merchant.orders, offset=0)
        return {
            order["order_id"]: await find_items(connection, merchant.vender_id, order["order_id"]) for order in found
        }


def build_orders(merchant: Merchant, now: datetime) -> Iterator[Order]:
    """The merchant's orders, as order_service.repository.add_orders takes them; the same for the same `now`."""
    chance = random.Random(merchant.vender_id)  # noqa: S311  # sample data
    for number in range(merchant.orders):
        # The examples' orders are fresh; the others spread evenly, the newest first.
        age = timedelta(days=DAYS * number / merchant.orders, minutes=chance.randint(30, 600))
        order_id = merchant.first_order_id + number
        state = OrderState.AWAITING_SHIPMENT if order_id in WAITING_ORDERS else _state(chance, age)
        if order_id == RECEIVED_ORDER:
            state = OrderState.AWAITING_RECEIPT
        yield _order(chance, merchant, order_id, state, now - age, now)


def _state(chance: random.Random, age: timedelta) -> OrderState:
    choices = _FRESH if age < timedelta(days=2) else _RECENT if age < timedelta(days=7) else _OLD
    return chance.choices([state for state, _ in choices], [weight for _, weight in choices])[0]


def _order(
    chance: random.Random, merchant: Merchant, order_id: int, state: OrderState, created: datetime, now: datetime
) -> Order:
    created = created.replace(microsecond=0)
    items = _items(chance, merchant, order_id)
    goods = sum(item["price"] * item["num"] for item in items)
    coupons = _coupons(chance, order_id, created, goods)
    off = sum(coupon["coupon_price"] for coupon in coupons)
    freight = 0 if goods >= 9900 else 800
    due = goods + freight - off
    buyer = chance.randrange(len(_NAMES))
    paid = created + timedelta(minutes=chance.randint(1, 25))
    shipped = paid + timedelta(hours=chance.randint(4, 30))
    completed = shipped + timedelta(days=chance.randint(2, 5))
    was_paid = state is not OrderState.AWAITING_PAYMENT
    was_shipped = state in (OrderState.AWAITING_RECEIPT, OrderState.COMPLETED, OrderState.AFTER_SALE)
    is_done = state is OrderState.COMPLETED
    last = completed if is_done else shipped if was_shipped else paid if was_paid else created
    return {
        "order_id": order_id,
        "vender_id": merchant.vender_id,
        "state": state.value,
        "order_create_date": created,
        "modified": min(last, now.replace(microsecond=0)),
        "payment_confirm_time": paid if was_paid else None,
        "outbound_date": shipped if was_shipped else None,
        "order_completetime": completed if is_done else None,
        "carrier": "顺丰速运" if was_shipped else None,
        "carrier_id": f"SF{chance.randint(10**11, 10**12 - 1)}" if was_shipped else None,
        "payment_type": 4,
        "order_type": 22,
        "order_sum": goods + freight,
        "freight": freight,
        "coupon_event_sum": off,
        "suppose_pay": due,
        "should_pay": 0 if was_paid else due,
        "seller_order_sum": due,
        "balance_used": 0,
        "pin": f"buyer{buyer:03}",
        "cons_name": _NAMES[buyer],
        "cons_mobile_phone": f"139{chance.randint(0, 99_999_999):08}",
        "cons_address": chance.choice(_STREETS).format(chance.randint(1, 400)),
        "cons_postcode": f"{chance.randint(100000, 690000)}",
        "remark": chance.choice(_REMARKS),
        "invoice_state": 0,
        "ji_fen": due // 100,
        "items": items,
        "coupons": coupons,
    }


def _items(chance: random.Random, merchant: Merchant, order_id: int) -> Sequence[Order]:
    products = PRODUCTS[merchant.vender_id]
    chosen = chance.sample(products, chance.randint(1, min(4, len(products))))
    return [
        {
            "sku_id": product.product_id,
            "sku_name": product.name,
            "num": chance.randint(1, 3),
            "price": product.price_fen,
            "ware_id": product.product_id // 10,
            "outer_id": f"{merchant.vender_id}-{product.product_id}",
            "give_point": product.price_fen // 100,
        }
        for product in chosen
    ]


def _coupons(chance: random.Random, order_id: int, created: datetime, goods: int) -> Sequence[Order]:
    if chance.random() > 1 / 3:
        return []
    off = min(goods // 5, chance.choice((500, 1000, 2000)))
    return [{"rf_code": f"{order_id}", "coupon_type": 1, "coupon_price": off, "use_date": created}]
