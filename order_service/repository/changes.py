"""Changes of orders, numbered per merchant in the order in which they are committed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.tables import order_sequence, pop_order_data

_O, _S = pop_order_data.c, order_sequence.c


@dataclass(frozen=True, slots=True)
class Turn:
    """What a change is stamped with. last_seq: its number; modified: its time, never before that of an earlier number."""

    last_seq: int
    modified: datetime


async def take_turn(connection: AsyncConnection, vender_id: int, now: datetime, *, count: int = 1) -> Turn:
    """The next number of the merchant's changes, or the last of the next `count`; the merchant's other changes wait until this
    transaction ends, which is what makes the numbers follow the commits. So this comes last in a transaction."""
    for _ in range(2):
        taken = await connection.execute(
            order_sequence.update()
            .where(_S.vender_id == vender_id)
            .values(
                last_seq=_S.last_seq + count,
                last_modified=sa.case((_S.last_modified < now, now), else_=_S.last_modified),
            )
        )
        if taken.rowcount == 1:
            break
        await _begin(connection, vender_id, now)
    query = sa.select(_S.last_seq, _S.last_modified).where(_S.vender_id == vender_id)
    return Turn(*(await connection.execute(query)).one())


async def last_turn(connection: AsyncConnection, vender_id: int) -> int:
    """The number of the merchant's last committed change, 0 before the first: every change up to it can be seen."""
    found = await connection.execute(sa.select(_S.last_seq).where(_S.vender_id == vender_id))
    return found.scalar_one_or_none() or 0


async def change_order(
    connection: AsyncConnection, vender_id: int, order_id: int, now: datetime, values: Mapping[str, object]
) -> datetime:
    """Sets columns of an order that this transaction has read with to_change, and stamps it; returns the new `modified`."""
    turn = await take_turn(connection, vender_id, now)
    await connection.execute(
        pop_order_data.update()
        .where(_O.vender_id == vender_id, _O.order_id == order_id, _O.yn == 1)
        .values({**values, "modified": turn.modified, "change_seq": turn.last_seq})
    )
    return turn.modified


async def _begin(connection: AsyncConnection, vender_id: int, now: datetime) -> None:
    """The merchant's first change; a twin may be making the row at the same moment."""
    row = {"vender_id": vender_id, "last_seq": 0, "last_modified": now}
    try:
        async with connection.begin_nested():
            await connection.execute(order_sequence.insert().values(row))
    except IntegrityError:
        return
