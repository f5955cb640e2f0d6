"""Intents: what is to be done with an order, outliving a crash."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.tables import order_intent

_I = order_intent.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """kind: `cancel` or `ship`; carrier, waybill: of a shipment. finished None = the warehouse may still have its part to do, and no
    other move is allowed. attempts: how often somebody took it up after the first."""

    order_id: int
    kind: str
    vender_id: int
    reason: str
    app_key: str
    request_id: str
    requested: datetime
    next_attempt: datetime
    carrier: str | None = None
    waybill: str | None = None
    attempts: int = 0
    finished: datetime | None = None


async def add_intent(connection: AsyncConnection, intent: Intent) -> None:
    """Stores the intent. Raises IntegrityError when the order has one of the kind."""
    await connection.execute(order_intent.insert().values(asdict(intent)))


async def find_intents(connection: AsyncConnection, vender_id: int, order_id: int) -> dict[str, Intent]:
    """kind → the order's intent, finished or not."""
    query = sa.select(order_intent).where(_I.vender_id == vender_id, _I.order_id == order_id)
    found = [Intent(**row) for row in (await connection.execute(query)).mappings()]
    return {intent.kind: intent for intent in found}


async def due_intents(connection: AsyncConnection, now: datetime, *, limit: int) -> Sequence[Intent]:
    """Unfinished ones of all merchants whose next attempt is due, the longest waiting first: for the sweeper."""
    query = (
        sa.select(order_intent)
        .where(_I.finished.is_(None), _I.next_attempt <= now)
        .order_by(_I.next_attempt)
        .limit(limit)
    )
    return [Intent(**row) for row in (await connection.execute(query)).mappings()]


async def claim_intent(connection: AsyncConnection, intent: Intent, *, next_attempt: datetime) -> bool:
    """Takes it up: puts the next attempt off, so that of several sweepers one does the work; False = somebody else has."""
    claimed = await connection.execute(
        order_intent.update()
        .where(*_unfinished(intent.vender_id, intent.order_id, intent.kind), _I.attempts == intent.attempts)
        .values(attempts=intent.attempts + 1, next_attempt=next_attempt)
    )
    return claimed.rowcount == 1


async def withdraw_intent(connection: AsyncConnection, intent: Intent, *, attempts: int) -> None:
    """Forgets it, if nobody has taken it up since it had so many attempts: nothing was done, and nothing will be."""
    await connection.execute(
        order_intent.delete().where(
            *_unfinished(intent.vender_id, intent.order_id, intent.kind), _I.attempts == attempts
        )
    )


async def finish_intent(connection: AsyncConnection, intent: Intent, now: datetime) -> None:
    """Marks it as done."""
    await connection.execute(
        order_intent.update().where(*_unfinished(intent.vender_id, intent.order_id, intent.kind)).values(finished=now)
    )


def _unfinished(vender_id: int, order_id: int, kind: str) -> list[sa.ColumnElement[bool]]:
    return [_I.vender_id == vender_id, _I.order_id == order_id, _I.kind == kind, _I.finished.is_(None)]
