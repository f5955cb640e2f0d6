"""The states of an order, and which moves between them are allowed."""

from collections.abc import Mapping
from enum import IntEnum

from openplatform.errors import business_error


class OrderState(IntEnum):
    """The column `state`."""

    AWAITING_PAYMENT = 1
    AWAITING_SHIPMENT = 2
    AWAITING_RECEIPT = 3
    COMPLETED = 4
    AFTER_SALE = 5
    CANCELLED = 6

    @property
    def title(self) -> str:
        """The state in words, as messages name it: `2 (awaiting shipment)`."""
        words = "in after-sale" if self is OrderState.AFTER_SALE else self.name.lower().replace("_", " ")
        return f"{self.value} ({words})"


MOVES: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.AWAITING_PAYMENT: frozenset({OrderState.AWAITING_SHIPMENT, OrderState.CANCELLED}),
    OrderState.AWAITING_SHIPMENT: frozenset({OrderState.AWAITING_RECEIPT, OrderState.AFTER_SALE, OrderState.CANCELLED}),
    OrderState.AWAITING_RECEIPT: frozenset({OrderState.COMPLETED, OrderState.AFTER_SALE}),
    OrderState.COMPLETED: frozenset(),
    OrderState.AFTER_SALE: frozenset({OrderState.AWAITING_RECEIPT, OrderState.COMPLETED, OrderState.CANCELLED}),
    OrderState.CANCELLED: frozenset(),
}
"""Every allowed move; whatever is not here is refused."""


def check_move(order_id: int, current: OrderState, wanted: OrderState) -> None:
    """Raises ServiceRejected `isv.invalid-state`, naming both states, unless the move is allowed."""
    if wanted not in MOVES[current]:
        raise business_error(
            "isv.invalid-state",
            f"order {order_id} is in state {current.title} and cannot move to {wanted.title}",
            http_status=409,
        )
