"""What order_service does: reading orders, moving them through their states, cancelling them."""

from order_service.service.cancellation import CANCEL_API, OrderCancellation
from order_service.service.orders import OrderReader
from order_service.service.states import MOVES, OrderState, check_move

__all__ = ["CANCEL_API", "MOVES", "OrderCancellation", "OrderReader", "OrderState", "check_move"]
