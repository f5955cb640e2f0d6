"""The one way in which an order changes its state."""

from openplatform.errors import business_error
from openplatform.sql import AsyncConnection
from order_service import repository
from order_service.repository import Move
from order_service.service.states import OrderState, check_move


async def make_move(connection: AsyncConnection, move: Move) -> None:
    """Moves an order that this transaction has read with `to_change`, and writes the move to the order log.

    Raises ServiceRejected `isv.invalid-state` when the move is not allowed, or the order is being cancelled and the move leads
    elsewhere: its stock may be released already.
    """
    current, wanted = OrderState(move.from_state), OrderState(move.to_state)
    check_move(move.order_id, current, wanted)
    intent = await repository.find_cancellation(connection, move.vender_id, move.order_id)
    if intent is not None and intent.finished is None and wanted is not OrderState.CANCELLED:
        raise business_error(
            "isv.invalid-state",
            f"order {move.order_id} in state {current.title} is being cancelled and cannot move to {wanted.title}",
            http_status=409,
        )
    if not await repository.move_order(connection, move):
        raise RuntimeError(f"order {move.order_id} changed its state under its lock")
    await repository.add_move(connection, move)
