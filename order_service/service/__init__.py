"""What order_service does: reading orders, moving them through their states, shipping and cancelling them."""

from order_service.service.cancellation import CANCEL
from order_service.service.cursors import Progress, sync_progress
from order_service.service.errands import Errand, OrderErrands, Wish
from order_service.service.orders import OrderReader
from order_service.service.shipment import SHIP
from order_service.service.states import MOVES, OrderState, check_move
from order_service.service.updates import UPDATE_API, OrderUpdates

__all__ = [
    "CANCEL",
    "MOVES",
    "SHIP",
    "UPDATE_API",
    "Errand",
    "OrderErrands",
    "OrderReader",
    "OrderState",
    "OrderUpdates",
    "Progress",
    "Wish",
    "check_move",
    "sync_progress",
]
