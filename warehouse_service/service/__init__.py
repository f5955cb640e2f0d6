"""What warehouse_service does: warehouses and stock shown, stock held for orders and let go, goods brought in."""

from warehouse_service.service.arrivals import StockArrivals, moved_average
from warehouse_service.service.lines import Line, Release
from warehouse_service.service.reading import WarehouseReader
from warehouse_service.service.stock import StockService
from warehouse_service.service.warehouses import WarehouseBook

__all__ = ["Line", "Release", "StockArrivals", "StockService", "WarehouseBook", "WarehouseReader", "moved_average"]
