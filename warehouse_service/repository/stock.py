"""Stock: read, and changed by one conditional UPDATE per line, which alone decides whether there is enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from warehouse_service.tables import warehouse_info, warehouse_product

_S, _W = warehouse_product.c, warehouse_info.c
_MOST = 2**31 - 1  # of the columns
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFilter:
    """Which stock of a merchant; None = not asked."""

    vender_id: int
    product_ids: Sequence[int] | None = None
    w_id: int | None = None
    warehouse_sn: str | None = None
    most_available: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Stock of one product in one warehouse; average_cost: yuan; warehouse_status: 1 enabled, 0 disabled."""

    current_cnt: int
    lock_cnt: int
    in_transit_cnt: int
    average_cost: Decimal
    warehouse_status: int

    @property
    def available_cnt(self) -> int:
        return self.current_cnt - self.lock_cnt


async def count_stock(connection: AsyncConnection, wanted: StockFilter) -> int:
    """How many rows (product in warehouse) match."""
    query = sa.select(sa.func.count()).select_from(_joined()).where(*_conditions(wanted))
    return int((await connection.execute(query)).scalar_one())


async def find_stock(connection: AsyncConnection, wanted: StockFilter, *, limit: int, offset: int) -> list[Row]:
    """Stock rows with their warehouse's code, sorted by product_id, then w_id."""
    query = (
        sa.select(
            _S.product_id,
            _S.w_id,
            _W.warehouse_sn,
            _S.current_cnt,
            _S.lock_cnt,
            _S.in_transit_cnt,
            (_S.current_cnt - _S.lock_cnt).label("available_cnt"),
            _S.average_cost,
            _S.modified_time,
        )
        .select_from(_joined())
        .where(*_conditions(wanted))
        .order_by(_S.product_id, _S.w_id)
        .limit(limit)
        .offset(offset)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find_counts(connection: AsyncConnection, vender_id: int, product_id: int, w_id: int) -> Counts | None:
    """The counts of one line, None when the merchant has no such product in such a warehouse."""
    query = (
        sa.select(_S.current_cnt, _S.lock_cnt, _S.in_transit_cnt, _S.average_cost, _W.warehouse_status)
        .select_from(_joined())
        .where(_W.vender_id == vender_id, _S.product_id == product_id, _S.w_id == w_id)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else Counts(*row)


async def hold_stock(
    connection: AsyncConnection, vender_id: int, product_id: int, w_id: int, cnt: int, now: datetime
) -> bool:
    """Holds cnt if as many are available in an enabled warehouse of the merchant, and says whether it did."""
    enough = _S.current_cnt - _S.lock_cnt >= cnt
    update = _line(vender_id, product_id, w_id, enabled=True).where(enough)
    changed = await connection.execute(update.values(lock_cnt=_S.lock_cnt + cnt, modified_time=now))
    return changed.rowcount == 1


async def release_stock(
    connection: AsyncConnection, vender_id: int, product_id: int, w_id: int, cnt: int, now: datetime
) -> bool:
    """Releases cnt of what is held; False = not as many were held."""
    update = _line(vender_id, product_id, w_id).where(_S.lock_cnt >= cnt)
    changed = await connection.execute(update.values(lock_cnt=_S.lock_cnt - cnt, modified_time=now))
    return changed.rowcount == 1


async def take_stock(
    connection: AsyncConnection, vender_id: int, product_id: int, w_id: int, cnt: int, now: datetime
) -> bool:
    """Takes cnt of what is held out of the warehouse; False = not as many were held."""
    update = _line(vender_id, product_id, w_id).where(_S.lock_cnt >= cnt, _S.current_cnt >= cnt)
    changed = await connection.execute(
        # MySQL assigns from left to right and checks constraints at the end: the order does not matter.
        update.values(current_cnt=_S.current_cnt - cnt, lock_cnt=_S.lock_cnt - cnt, modified_time=now)
    )
    return changed.rowcount == 1


async def announce_stock(
    connection: AsyncConnection, vender_id: int, product_id: int, w_id: int, cnt: int, now: datetime
) -> bool:
    """Adds cnt to what is on its way; False = no such product in an enabled warehouse of the merchant, or no room for so many.

    All that is there and announced together stays within the column, so that whatever was announced can be received.
    """
    room = _S.current_cnt + _S.in_transit_cnt <= _MOST - cnt
    update = _line(vender_id, product_id, w_id, enabled=True).where(room)
    changed = await connection.execute(update.values(in_transit_cnt=_S.in_transit_cnt + cnt, modified_time=now))
    return changed.rowcount == 1


async def add_product(connection: AsyncConnection, product_id: int, w_id: int, now: datetime) -> None:
    """A product that the warehouse has not had yet, with nothing in stock. Raises IntegrityError when it is there."""
    nothing = {"current_cnt": 0, "lock_cnt": 0, "in_transit_cnt": 0, "average_cost": Decimal(0)}
    row = {"product_id": product_id, "w_id": w_id, "modified_time": now} | nothing
    await connection.execute(warehouse_product.insert().values(row))


async def lock_counts(connection: AsyncConnection, vender_id: int, product_id: int, w_id: int) -> Counts | None:
    """Like find_counts, and nobody else changes the line until this transaction ends."""
    line = sa.select(_S.wp_id).where(_S.product_id == product_id, _S.w_id == w_id, _own(vender_id, w_id))
    if (await connection.execute(line.with_for_update())).first() is None:
        return None
    return await find_counts(connection, vender_id, product_id, w_id)


async def receive_stock(
    connection: AsyncConnection,
    vender_id: int,
    product_id: int,
    w_id: int,
    cnt: int,
    average_cost: Decimal,
    now: datetime,
) -> bool:
    """Moves cnt from in transit to on hand, at the new average cost; False = not as many are in transit. After lock_counts only."""
    update = _line(vender_id, product_id, w_id).where(_S.in_transit_cnt >= cnt)
    changed = await connection.execute(
        update.values(
            current_cnt=_S.current_cnt + cnt,
            in_transit_cnt=_S.in_transit_cnt - cnt,
            average_cost=average_cost,
            modified_time=now,
        )
    )
    return changed.rowcount == 1


def _line(vender_id: int, product_id: int, w_id: int, *, enabled: bool = False) -> sa.Update:
    own = _own(vender_id, w_id, enabled=enabled)
    return warehouse_product.update().where(_S.product_id == product_id, _S.w_id == w_id, own)


def _own(vender_id: int, w_id: int, *, enabled: bool = False) -> sa.ColumnElement[bool]:
    own = sa.select(_W.w_id).where(_W.w_id == w_id, _W.vender_id == vender_id)
    if enabled:
        own = own.where(_W.warehouse_status == 1)
    return sa.exists(own)


def _joined() -> sa.Join:
    return warehouse_product.join(warehouse_info, _S.w_id == _W.w_id)


def _conditions(wanted: StockFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [_W.vender_id == wanted.vender_id]
    if wanted.product_ids is not None:
        conditions.append(_S.product_id.in_(wanted.product_ids))
    if wanted.w_id is not None:
        conditions.append(_S.w_id == wanted.w_id)
    if wanted.warehouse_sn is not None:
        conditions.append(_W.warehouse_sn == wanted.warehouse_sn)
    if wanted.most_available is not None:
        conditions.append(_S.current_cnt - _S.lock_cnt <= wanted.most_available)
    return conditions
