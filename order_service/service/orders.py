"""Orders, searched and read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from openplatform.arguments import written_time
from openplatform.errors import OpenPlatformError, business_error
from openplatform.sql import Database
from order_service import repository
from order_service.repository import OrderFilter
from order_service.service.masking import masked

Answer = dict[str, Any]


class OrderReader:
    """Answers `open.order.search` and `open.order.get`. Both raise PlatformUnavailable when the database is down."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def search(self, wanted: OrderFilter, *, fields: Sequence[str], page_no: int, page_size: int) -> Answer:
        """One page of orders: `{"orders": […], "total_results", "page_no", "page_size"}`, sorted by modified, then id.

        fields: columns of repository.ORDER_COLUMNS. A page beyond the last is empty.
        """
        skipped = (page_no - 1) * page_size
        async with self._database.read() as connection:
            total = await repository.count_orders(connection, wanted)
            rows: list[Answer] = []
            if skipped < total:  # also keeps an offset that no database can count out of the query
                rows = await repository.find_orders(connection, wanted, fields, limit=page_size, offset=skipped)
        orders = [self._shown(row) for row in rows]
        return {"orders": orders, "total_results": total, "page_no": page_no, "page_size": page_size}

    async def get(self, vender_id: int, order_id: int) -> Answer:
        """`{"order": {…, "items": […], "coupons": […]}}`. Raises ServiceRejected `isv.order-not-exists`."""
        async with self._database.read() as connection:
            order = await repository.find_order(connection, vender_id, order_id)
            if order is None:
                raise order_not_exists(order_id)
            items = await repository.find_items(connection, vender_id, order_id)
            coupons = await repository.find_coupons(connection, vender_id, order_id)
        lines = {"items": [self._shown(item) for item in items], "coupons": [self._shown(coupon) for coupon in coupons]}
        return {"order": self._shown(order) | lines}

    def _shown(self, row: Answer) -> Answer:
        # str(): SQLAlchemy's names are a subclass of str, which orjson refuses as keys.
        return {
            str(name): written_time(value, self._zone) if isinstance(value, datetime) else value
            for name, value in masked(row).items()
        }


def order_not_exists(order_id: int) -> OpenPlatformError:
    """The same answer for an order that is not there and for another merchant's."""
    return business_error("isv.order-not-exists", f"there is no order {order_id}", http_status=404)
