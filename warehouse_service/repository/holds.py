"""Holds: what an order keeps from the others. A released hold is deleted; a deducted one stays, so that repeats are recognised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from warehouse_service.tables import stock_closed, stock_hold

_H = stock_hold.c
HELD, DEDUCTED = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """cnt of a product in one warehouse, for one order. state: HELD or DEDUCTED (the goods have left)."""

    order_id: int
    vender_id: int
    product_id: int
    w_id: int
    cnt: int
    state: int = HELD


async def find_holds(
    connection: AsyncConnection, vender_id: int, order_id: int, *, to_change: bool = False
) -> list[Hold]:
    """The order's holds, sorted by product_id, then w_id. to_change: others wait until this transaction ends."""
    query = (
        sa.select(_H.order_id, _H.vender_id, _H.product_id, _H.w_id, _H.cnt, _H.state)
        .where(_H.vender_id == vender_id, _H.order_id == order_id)
        .order_by(_H.product_id, _H.w_id)
    )
    rows = (await connection.execute(query.with_for_update() if to_change else query)).mappings()
    return [Hold(**row) for row in rows]


async def add_holds(connection: AsyncConnection, holds: Sequence[Hold], now: datetime) -> None:
    """Raises IntegrityError when the order holds one of the products already."""
    rows = [
        {"order_id": h.order_id, "vender_id": h.vender_id, "product_id": h.product_id, "w_id": h.w_id, "cnt": h.cnt}
        | {"state": h.state, "created": now, "modified": now}
        for h in holds
    ]
    await connection.execute(stock_hold.insert(), rows)


async def shrink_hold(connection: AsyncConnection, hold: Hold, cnt: int, now: datetime) -> None:
    """Leaves the hold with cnt less."""
    await connection.execute(stock_hold.update().where(*_key(hold)).values(cnt=_H.cnt - cnt, modified=now))


async def delete_hold(connection: AsyncConnection, hold: Hold) -> None:
    """Ends the hold: everything is released."""
    await connection.execute(stock_hold.delete().where(*_key(hold)))


async def mark_deducted(connection: AsyncConnection, hold: Hold, now: datetime) -> None:
    """The goods have left."""
    await connection.execute(stock_hold.update().where(*_key(hold)).values(state=DEDUCTED, modified=now))


async def close_order(connection: AsyncConnection, vender_id: int, order_id: int, now: datetime) -> None:
    """From here on nothing may be held for the order. Raises IntegrityError when a twin closes it at the same moment."""
    if not await is_closed(connection, vender_id, order_id):
        row = {"vender_id": vender_id, "order_id": order_id, "created": now}
        await connection.execute(stock_closed.insert().values(row))


async def is_closed(connection: AsyncConnection, vender_id: int, order_id: int) -> bool:
    """Whether nothing may be held for the order any more; waits for whoever is just closing it."""
    query = sa.select(stock_closed.c.order_id).where(
        stock_closed.c.vender_id == vender_id, stock_closed.c.order_id == order_id
    )
    return (await connection.execute(query.with_for_update())).first() is not None


def _key(hold: Hold) -> list[sa.ColumnElement[bool]]:
    return [_H.vender_id == hold.vender_id, _H.order_id == hold.order_id, _H.product_id == hold.product_id]
