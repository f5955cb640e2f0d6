"""Every path of warehouse_service."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from starlette.routing import BaseRoute

from warehouse_service.endpoints.arrivals import arrival_routes
from warehouse_service.endpoints.stock import stock_routes
from warehouse_service.endpoints.warehouses import warehouse_routes
from warehouse_service.service import StockArrivals, StockService, WarehouseBook, WarehouseReader


def routes(
    reader: WarehouseReader, book: WarehouseBook, stock: StockService, arrivals: StockArrivals, zone: ZoneInfo
) -> Sequence[BaseRoute]:
    """Those behind public APIs, and /stock/release, which order_service alone asks for."""
    return [
        *warehouse_routes(reader, book, zone),
        *stock_routes(reader, stock, zone),
        *arrival_routes(arrivals, zone),
    ]
