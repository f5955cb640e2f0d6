"""SQL of the warehouse database; every statement carries the merchant. Bulk insert for demo data: `add_warehouses`, `add_stock`."""

from warehouse_service.repository.holds import (
    DEDUCTED,
    HELD,
    Hold,
    add_holds,
    delete_hold,
    find_holds,
    mark_deducted,
    shrink_hold,
)
from warehouse_service.repository.movements import Cause, Kind, add_movement
from warehouse_service.repository.new_stock import add_stock, add_warehouses
from warehouse_service.repository.stock import (
    Counts,
    StockFilter,
    count_stock,
    find_counts,
    find_stock,
    hold_stock,
    release_stock,
    take_stock,
)
from warehouse_service.repository.warehouses import count_warehouses, find_by_code, find_warehouses, ping

__all__ = [
    "DEDUCTED",
    "HELD",
    "Cause",
    "Counts",
    "Hold",
    "Kind",
    "StockFilter",
    "add_holds",
    "add_movement",
    "add_stock",
    "add_warehouses",
    "count_stock",
    "count_warehouses",
    "delete_hold",
    "find_by_code",
    "find_counts",
    "find_holds",
    "find_stock",
    "find_warehouses",
    "hold_stock",
    "mark_deducted",
    "ping",
    "release_stock",
    "shrink_hold",
    "take_stock",
]
