"""Three warehouses with stock, and what the orders that wait for shipment hold of it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from openplatform.errors import ServiceRejected
from openplatform.idempotency import call_key
from openplatform.ports import Clock
from openplatform.sql import Database
from openplatform.web import Caller
from pailou.demo.world import LOCK_ORDER, MERCHANTS, PRODUCTS, WAREHOUSES, Merchant
from warehouse_service.repository import Cause, add_stock, add_warehouses, count_warehouses
from warehouse_service.service import Line, StockService

_WHO = "demo"


async def seed_stock(database: Database, now: datetime) -> None:
    """Inserts the warehouses and the opening stock of every merchant that has no warehouse. now: aware."""
    for merchant in MERCHANTS:
        async with database.begin() as connection:
            if await count_warehouses(connection, merchant.vender_id, None):
                continue
            own = [warehouse for warehouse in WAREHOUSES if warehouse.vender_id == merchant.vender_id]
            rows = [
                {
                    "vender_id": warehouse.vender_id,
                    "warehouse_sn": warehouse.sn,
                    "warehouse_name": warehouse.name,
                    "contact": warehouse.contact,
                    "warehouse_phone": warehouse.phone,
                    "province": warehouse.province,
                    "city": warehouse.city,
                    "district": warehouse.district,
                    "address": warehouse.address,
                    "modified_time": now,
                }
                for warehouse in own
            ]
            numbers = await add_warehouses(connection, rows)
            opening = [
                {
                    "product_id": product.product_id,
                    "w_id": w_id,
                    "current_cnt": warehouse.on_hand,
                    "in_transit_cnt": warehouse.on_hand // 10,
                    "average_cost": product.cost,
                }
                for w_id, warehouse in zip(numbers, own, strict=True)
                for product in PRODUCTS[merchant.vender_id]
            ]
            cause = Cause(vender_id=merchant.vender_id, reference="opening", app_key=_WHO, request_id="", at=now)
            await add_stock(connection, opening, cause)


async def hold_for_orders(
    database: Database, clock: Clock, merchant: Merchant, orders: Mapping[int, Sequence[Mapping[str, Any]]]
) -> None:
    """Locks what the merchant's orders (order_id → lines) need, in its first warehouse, as its shop would have done."""
    stock = StockService(database, clock)
    warehouse_sn = next(warehouse.sn for warehouse in WAREHOUSES if warehouse.vender_id == merchant.vender_id)
    for order_id, items in orders.items():
        if order_id == LOCK_ORDER:
            continue
        caller = Caller(vender_id=merchant.vender_id, app_key=_WHO, request_id=f"demo-{order_id}")
        lines = [Line(product_id=item["sku_id"], cnt=item["num"], warehouse_sn=warehouse_sn) for item in items]
        with suppress(ServiceRejected):  # sold out: the order waits for goods
            await stock.lock(caller, order_id, lines, call_key(caller, "open.stock.lock", {}))
