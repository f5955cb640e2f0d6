"""Orders, their items and coupons, read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.tables import coupon_detail, pop_order_data, pop_order_item

Row = dict[str, Any]

# `id` and `change_seq` are the database's own, and `yn` is 1 in everything that can be seen.
_HIDDEN = {"id", "yn", "change_seq"}
ORDER_COLUMNS = tuple(column.name for column in pop_order_data.c if column.name not in _HIDDEN)
_ITEM_COLUMNS = tuple(column for column in pop_order_item.c if column.name not in {"id", "order_id", "vender_id"})
_COUPON_COLUMNS = tuple(c for c in coupon_detail.c if c.name not in {"id", "order_id", "vender_id", "yn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders of a merchant; None = not asked. Times are aware, from `start` inclusive to `end` exclusive."""

    vender_id: int
    time_column: Literal["order_create_date", "modified"] = "modified"
    start: datetime | None = None
    end: datetime | None = None
    state: int | None = None
    pin: str | None = None
    order_ids: Sequence[int] | None = None
    sku_id: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: `modified` and `id` of its last order."""

    modified: datetime
    id: int


async def ping(connection: AsyncConnection) -> None:
    """Fails when the database cannot be asked, or has no tables yet."""
    await connection.execute(sa.select(pop_order_data.c.id).limit(1))


async def count_orders(connection: AsyncConnection, wanted: OrderFilter) -> int:
    """How many live orders match."""
    found = await connection.execute(sa.select(sa.func.count()).select_from(pop_order_data).where(*_conditions(wanted)))
    return int(found.scalar_one())


async def find_orders(
    connection: AsyncConnection,
    wanted: OrderFilter,
    columns: Sequence[str],
    *,
    limit: int,
    offset: int = 0,
    after: Position | None = None,
) -> list[Row]:
    """The named columns of matching orders, sorted by modified, then id; columns: any of the table. after: from there on."""
    orders = pop_order_data.c
    conditions = _conditions(wanted)
    if after is not None:
        further = sa.or_(orders.modified > after.modified, orders.id > after.id)
        conditions += [orders.modified >= after.modified, further]
    query = (
        sa.select(*(pop_order_data.c[name] for name in columns))
        .where(*conditions)
        .order_by(pop_order_data.c.modified, pop_order_data.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find_changes(
    connection: AsyncConnection,
    vender_id: int,
    columns: Sequence[str],
    *,
    after: int,
    until: int,
    since: datetime | None,
    limit: int,
) -> list[Row]:
    """The named columns of orders whose last change has a number above `after`, up to `until`, in that order. since: and is not
    older than that."""
    orders = pop_order_data.c
    conditions = [orders.vender_id == vender_id, orders.yn == 1, orders.change_seq > after, orders.change_seq <= until]
    if since is not None:
        conditions.append(orders.modified >= since)
    query = sa.select(*(orders[name] for name in columns)).where(*conditions).order_by(orders.change_seq).limit(limit)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def first_change(connection: AsyncConnection, vender_id: int, since: datetime) -> int | None:
    """The lowest number of a change that is not older than that, None when there is none."""
    orders = pop_order_data.c
    query = sa.select(sa.func.min(orders.change_seq)).where(orders.vender_id == vender_id, orders.modified >= since)
    lowest: int | None = (await connection.execute(query)).scalar_one()
    return lowest


async def find_order(
    connection: AsyncConnection, vender_id: int, order_id: int, *, to_change: bool = False
) -> Row | None:
    """One live order of the merchant, None when there is none. to_change: others wait until this transaction ends."""
    query = sa.select(*(pop_order_data.c[name] for name in ORDER_COLUMNS)).where(
        pop_order_data.c.vender_id == vender_id, pop_order_data.c.order_id == order_id, pop_order_data.c.yn == 1
    )
    row = (await connection.execute(query.with_for_update() if to_change else query)).mappings().first()
    return None if row is None else dict(row)


async def find_items(connection: AsyncConnection, vender_id: int, order_id: int) -> list[Row]:
    """The order's lines, in the order in which they were added."""
    query = (
        sa.select(*_ITEM_COLUMNS)
        .where(pop_order_item.c.vender_id == vender_id, pop_order_item.c.order_id == order_id)
        .order_by(pop_order_item.c.id)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find_coupons(connection: AsyncConnection, vender_id: int, order_id: int) -> list[Row]:
    """The discounts used on the order, in the order in which they were added."""
    query = (
        sa.select(*_COUPON_COLUMNS)
        .where(coupon_detail.c.vender_id == vender_id, coupon_detail.c.order_id == order_id, coupon_detail.c.yn == 1)
        .order_by(coupon_detail.c.id)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _conditions(wanted: OrderFilter) -> list[sa.ColumnElement[bool]]:
    orders = pop_order_data.c
    conditions = [orders.vender_id == wanted.vender_id, orders.yn == 1]
    if wanted.start is not None:
        conditions.append(orders[wanted.time_column] >= wanted.start)
    if wanted.end is not None:
        conditions.append(orders[wanted.time_column] < wanted.end)
    if wanted.state is not None:
        conditions.append(orders.state == wanted.state)
    if wanted.pin is not None:
        conditions.append(orders.pin == wanted.pin)
    if wanted.order_ids is not None:
        conditions.append(orders.order_id.in_(wanted.order_ids))
    if wanted.sku_id is not None:
        items = pop_order_item.c
        with_sku = sa.select(items.order_id).where(items.vender_id == wanted.vender_id, items.sku_id == wanted.sku_id)
        conditions.append(orders.order_id.in_(with_sku))
    return conditions
