"""The goods leave: what the order holds is deducted, then the order awaits its receipt."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openplatform.errors import business_error
from order_service.repository import Intent
from order_service.service.errands import Errand, Wish
from order_service.service.states import OrderState, check_move


def _check(order_id: int, order: Mapping[str, Any]) -> None:
    state = OrderState(order["state"])
    check_move(order_id, state, OrderState.AWAITING_RECEIPT)
    if state is OrderState.AFTER_SALE and order["outbound_date"] is not None:
        raise business_error(
            "isv.invalid-state",
            f"order {order_id} is in state {state.title} and has left already: it moves to "
            f"{OrderState.AWAITING_RECEIPT.title} by open.order.state.update",
            http_status=409,
        )


def _is_done(order: Mapping[str, Any], wish: Wish) -> bool:
    wished = (OrderState.AWAITING_RECEIPT, wish.carrier, wish.waybill)
    return (OrderState(order["state"]), order["carrier"], order["carrier_id"]) == wished


def _same(intent: Intent, wish: Wish) -> bool:
    return (intent.carrier, intent.waybill) == (wish.carrier, wish.waybill)


def _columns(intent: Intent, now: datetime) -> Mapping[str, object]:
    return {"carrier": intent.carrier, "carrier_id": intent.waybill, "outbound_date": now}


SHIP = Errand(
    kind="ship",
    api_name="open.order.ship",
    target=OrderState.AWAITING_RECEIPT,
    check=_check,
    is_done=_is_done,
    same=_same,
    ask=lambda warehouse, intent, deadline_s: warehouse.deduct(intent, deadline_s),
    refusals=frozenset({"isv.stock-not-held"}),
    columns=_columns,
    shown=("carrier", "carrier_id"),
)
"""`open.order.ship`."""
