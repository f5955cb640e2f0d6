"""The buyer's withdrawal: the order's stock is released, then the order is cancelled."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from order_service.repository import Intent
from order_service.service.errands import Errand, Wish
from order_service.service.states import OrderState, check_move


def _check(order_id: int, order: Mapping[str, Any]) -> None:
    check_move(order_id, OrderState(order["state"]), OrderState.CANCELLED)


def _is_done(order: Mapping[str, Any], wish: Wish) -> bool:
    return OrderState(order["state"]) is OrderState.CANCELLED


def _same(intent: Intent, wish: Wish) -> bool:
    return True  # the first reason stays


def _columns(intent: Intent, now: datetime) -> Mapping[str, object]:
    return {}


CANCEL = Errand(
    kind="cancel",
    api_name="open.order.cancel",
    target=OrderState.CANCELLED,
    check=_check,
    is_done=_is_done,
    same=_same,
    ask=lambda warehouse, intent, deadline_s: warehouse.release(intent, deadline_s),
    refusals=frozenset(),  # nothing held is fine
    columns=_columns,
    shown=(),
)
"""`open.order.cancel`."""
