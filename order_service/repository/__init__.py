"""SQL of the order database; every statement carries the merchant. Bulk insert for demo data: `add_orders`."""

from order_service.repository.cancellations import (
    Cancellation,
    add_cancellation,
    claim_cancellation,
    due_cancellations,
    find_cancellation,
    finish_cancellation,
)
from order_service.repository.moves import Move, add_move, move_order
from order_service.repository.new_orders import add_orders
from order_service.repository.orders import (
    ORDER_COLUMNS,
    OrderFilter,
    count_orders,
    find_coupons,
    find_items,
    find_order,
    find_orders,
    ping,
)

__all__ = [
    "ORDER_COLUMNS",
    "Cancellation",
    "Move",
    "OrderFilter",
    "add_cancellation",
    "add_move",
    "add_orders",
    "claim_cancellation",
    "count_orders",
    "due_cancellations",
    "find_cancellation",
    "find_coupons",
    "find_items",
    "find_order",
    "find_orders",
    "finish_cancellation",
    "move_order",
    "ping",
]
