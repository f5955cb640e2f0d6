"""Warehouses and stock, shown."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from openplatform.arguments import written_time
from openplatform.errors import OpenPlatformError, business_error
from openplatform.sql import Database
from warehouse_service import repository
from warehouse_service.repository import StockFilter

Answer = dict[str, Any]


class WarehouseReader:
    """Answers `open.warehouse.search` and `.get`, `open.stock.get` and `.search`. All raise PlatformUnavailable when the database is
    down."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def warehouses(
        self, vender_id: int, *, status: int | None, warehouse_sn: str | None, page_no: int, page_size: int
    ) -> Answer:
        """`{"warehouses": […], "total_results", "page_no", "page_size"}`, sorted by w_id. A page beyond the last is empty."""
        skipped = (page_no - 1) * page_size
        async with self._database.read() as connection:
            total = await repository.count_warehouses(connection, vender_id, status, warehouse_sn)
            rows: list[Answer] = []
            if skipped < total:  # also keeps an offset that no database can count out of the query
                rows = await repository.find_warehouses(
                    connection, vender_id, status, warehouse_sn, limit=page_size, offset=skipped
                )
        shown = [shown_row(row, self._zone) for row in rows]
        return {"warehouses": shown, "total_results": total, "page_no": page_no, "page_size": page_size}

    async def warehouse(self, vender_id: int, w_id: int) -> Answer:
        """`{"warehouse": {…}}`. Raises ServiceRejected `isv.warehouse-not-exists`."""
        async with self._database.read() as connection:
            row = await repository.find_warehouse(connection, vender_id, w_id)
        if row is None:
            raise warehouse_not_exists(w_id)
        return {"warehouse": shown_row(row, self._zone)}

    async def stock(self, wanted: StockFilter, *, page_no: int, page_size: int) -> Answer:
        """`{"stocks": […], "total_results", "page_no", "page_size"}`, sorted by product_id, then w_id.

        average_cost is yuan as text with two decimals. What the merchant does not have is not in the list.
        """
        skipped = (page_no - 1) * page_size
        async with self._database.read() as connection:
            total = await repository.count_stock(connection, wanted)
            rows: list[Answer] = []
            if skipped < total:
                rows = await repository.find_stock(connection, wanted, limit=page_size, offset=skipped)
        shown = [shown_row(row, self._zone) for row in rows]
        return {"stocks": shown, "total_results": total, "page_no": page_no, "page_size": page_size}


def shown_row(row: Answer, zone: ZoneInfo) -> Answer:
    """A row as answers show it: times in the platform's zone, yuan as text."""
    # str(): SQLAlchemy's names are a subclass of str, which orjson refuses as keys.
    return {str(name): _shown_value(value, zone) for name, value in row.items()}


def warehouse_not_exists(w_id: int) -> OpenPlatformError:
    """The same answer for a warehouse that is not there and for another merchant's."""
    return business_error("isv.warehouse-not-exists", f"there is no warehouse {w_id}", http_status=404)


def _shown_value(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return written_time(value, zone)
    return str(value) if isinstance(value, Decimal) else value
