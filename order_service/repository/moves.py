"""State moves and their log."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.tables import order_log, pop_order_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One state move: which, when, by whom (the app) and why."""

    order_id: int
    vender_id: int
    from_state: int
    to_state: int
    api_name: str
    cause: str
    app_key: str
    request_id: str
    created: datetime


async def move_order(connection: AsyncConnection, move: Move) -> bool:
    """Sets the new state if the order still has the old one, and says whether it did."""
    orders = pop_order_data.c
    moved = await connection.execute(
        pop_order_data.update()
        .where(
            orders.vender_id == move.vender_id,
            orders.order_id == move.order_id,
            orders.yn == 1,
            orders.state == move.from_state,
        )
        .values(state=move.to_state, modified=move.created)
    )
    return moved.rowcount == 1


async def add_move(connection: AsyncConnection, move: Move) -> None:
    """Writes the move to the order log."""
    await connection.execute(order_log.insert().values(asdict(move)))
