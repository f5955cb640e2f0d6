"""SQL of the order database; every statement carries the merchant. Bulk insert for demo data: `add_orders`."""

from order_service.repository.changes import Turn, change_order, last_turn, take_turn
from order_service.repository.intents import (
    Intent,
    add_intent,
    claim_intent,
    due_intents,
    find_intents,
    finish_intent,
    withdraw_intent,
)
from order_service.repository.moves import Move, move_order
from order_service.repository.new_orders import add_orders
from order_service.repository.orders import (
    ORDER_COLUMNS,
    OrderFilter,
    Position,
    count_orders,
    find_changes,
    find_coupons,
    find_items,
    find_order,
    find_orders,
    first_change,
    ping,
)

__all__ = [
    "ORDER_COLUMNS",
    "Intent",
    "Move",
    "OrderFilter",
    "Position",
    "Turn",
    "add_intent",
    "add_orders",
    "change_order",
    "claim_intent",
    "count_orders",
    "due_intents",
    "find_changes",
    "find_coupons",
    "find_intents",
    "find_items",
    "find_order",
    "find_orders",
    "finish_intent",
    "first_change",
    "last_turn",
    "move_order",
    "ping",
    "take_turn",
    "withdraw_intent",
]
