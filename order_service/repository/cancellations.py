"""Cancellations: intents that outlive a crash."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.tables import order_cancellation

_C = order_cancellation.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """The intent to cancel an order. finished None = the stock may still be held, and no other move is allowed."""

    order_id: int
    vender_id: int
    reason: str
    app_key: str
    request_id: str
    requested: datetime
    next_attempt: datetime
    attempts: int = 0
    finished: datetime | None = None


async def add_cancellation(connection: AsyncConnection, cancellation: Cancellation) -> None:
    """Stores the intent. Raises IntegrityError when the order has one."""
    await connection.execute(order_cancellation.insert().values(asdict(cancellation)))


async def find_cancellation(connection: AsyncConnection, vender_id: int, order_id: int) -> Cancellation | None:
    """The order's cancellation, finished or not."""
    query = sa.select(order_cancellation).where(_C.vender_id == vender_id, _C.order_id == order_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Cancellation(**row)


async def due_cancellations(connection: AsyncConnection, now: datetime, *, limit: int) -> Sequence[Cancellation]:
    """Unfinished ones of all merchants whose next attempt is due, the longest waiting first: for the sweeper."""
    query = (
        sa.select(order_cancellation)
        .where(_C.finished.is_(None), _C.next_attempt <= now)
        .order_by(_C.next_attempt)
        .limit(limit)
    )
    return [Cancellation(**row) for row in (await connection.execute(query)).mappings()]


async def claim_cancellation(
    connection: AsyncConnection, cancellation: Cancellation, *, next_attempt: datetime
) -> bool:
    """Puts the next attempt off, so that of several sweepers one does the work; False = another one took it."""
    claimed = await connection.execute(
        order_cancellation.update()
        .where(
            _C.vender_id == cancellation.vender_id,
            _C.order_id == cancellation.order_id,
            _C.finished.is_(None),
            _C.attempts == cancellation.attempts,
        )
        .values(attempts=cancellation.attempts + 1, next_attempt=next_attempt)
    )
    return claimed.rowcount == 1


async def finish_cancellation(connection: AsyncConnection, vender_id: int, order_id: int, now: datetime) -> None:
    """Marks the cancellation as done."""
    await connection.execute(
        order_cancellation.update()
        .where(_C.vender_id == vender_id, _C.order_id == order_id, _C.finished.is_(None))
        .values(finished=now)
    )
