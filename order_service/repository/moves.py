"""State moves and their log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.repository.changes import change_order
from order_service.tables import order_log


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


async def move_order(connection: AsyncConnection, move: Move, values: Mapping[str, object]) -> datetime:
    """Sets the new state, and other columns with it, of an order that this transaction has read with to_change; writes the move to
    the order log. Returns the order's new `modified`."""
    changed = {**values, "state": move.to_state}
    modified = await change_order(connection, move.vender_id, move.order_id, move.created, changed)
    entry = asdict(move) | {"created": modified, "app_key": move.app_key[:50], "request_id": move.request_id[:64]}
    await connection.execute(order_log.insert().values(entry))
    return modified
