"""What warehouse_service does: showing warehouses and stock, holding stock for orders, letting it go."""

from warehouse_service.service.lines import Line, Release
from warehouse_service.service.reading import WarehouseReader
from warehouse_service.service.stock import StockService

__all__ = ["Line", "Release", "StockService", "WarehouseReader"]
