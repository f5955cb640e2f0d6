"""The one way in which an order changes its state."""

from collections.abc import Mapping
from datetime import datetime

from openplatform.errors import OpenPlatformError, business_error
from openplatform.sql import AsyncConnection
from order_service import repository
from order_service.repository import Intent, Move
from order_service.service.states import OrderState, check_move

_TARGETS = {"cancel": OrderState.CANCELLED, "ship": OrderState.AWAITING_RECEIPT}
_WORDS = {"cancel": "being cancelled", "ship": "being shipped"}


async def make_move(connection: AsyncConnection, move: Move, columns: Mapping[str, object] | None = None) -> datetime:
    """Moves an order that this transaction has read with `to_change`, writes the move to the order log, and sets other columns with
    it. Returns the order's new `modified`.

    Raises ServiceRejected `isv.invalid-state` when the move is not allowed, or an intent of the order leads elsewhere: the
    warehouse may have done its part already.
    """
    current, wanted = OrderState(move.from_state), OrderState(move.to_state)
    check_move(move.order_id, current, wanted)
    for intent in (await repository.find_intents(connection, move.vender_id, move.order_id)).values():
        if intent.finished is None and _TARGETS[intent.kind] is not wanted:
            raise being_done(intent, current, wanted)
    return await repository.move_order(connection, move, columns or {})


def being_done(intent: Intent, current: OrderState, wanted: OrderState) -> OpenPlatformError:
    """The refusal of a move while the order is on its way elsewhere."""
    by = "" if intent.waybill is None else f" by {intent.carrier} {intent.waybill}"
    return business_error(
        "isv.invalid-state",
        f"order {intent.order_id} in state {current.title} is {_WORDS[intent.kind]}{by} and cannot move to {wanted.title}",
        http_status=409,
    )
