"""Warehouses: read, changed."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from warehouse_service.tables import warehouse_info

_W = warehouse_info.c
_SHOWN = tuple(column for column in _W if column.name != "vender_id")
Row = dict[str, Any]


async def ping(connection: AsyncConnection) -> None:
    """Fails when the database cannot be asked, or has no tables yet."""
    await connection.execute(sa.select(_W.w_id).limit(1))


async def count_warehouses(
    connection: AsyncConnection, vender_id: int, status: int | None, warehouse_sn: str | None = None
) -> int:
    """How many warehouses the merchant has; None = of any status, any code."""
    query = sa.select(sa.func.count()).select_from(warehouse_info).where(*_conditions(vender_id, status, warehouse_sn))
    return int((await connection.execute(query)).scalar_one())


async def find_warehouses(
    connection: AsyncConnection,
    vender_id: int,
    status: int | None,
    warehouse_sn: str | None = None,
    *,
    limit: int,
    offset: int,
) -> list[Row]:
    """The merchant's warehouses, sorted by w_id."""
    wanted = _conditions(vender_id, status, warehouse_sn)
    query = sa.select(*_SHOWN).where(*wanted).order_by(_W.w_id).limit(limit).offset(offset)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find_warehouse(connection: AsyncConnection, vender_id: int, w_id: int) -> Row | None:
    """One warehouse of the merchant, None when it has no such."""
    query = sa.select(*_SHOWN).where(_W.vender_id == vender_id, _W.w_id == w_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else dict(row)


async def code_is_taken(connection: AsyncConnection, warehouse_sn: str) -> bool:
    """Whether any merchant's warehouse has the code: codes are unique over all of them."""
    return (await connection.execute(sa.select(_W.w_id).where(_W.warehouse_sn == warehouse_sn))).first() is not None


async def change_warehouse(
    connection: AsyncConnection, vender_id: int, w_id: int, values: Mapping[str, object]
) -> None:
    """Sets columns of one of the merchant's warehouses; of another's, nothing."""
    await connection.execute(
        warehouse_info.update().where(_W.vender_id == vender_id, _W.w_id == w_id).values(dict(values))
    )


async def find_by_code(connection: AsyncConnection, vender_id: int, codes: Iterable[str]) -> dict[str, int]:
    """warehouse_sn → w_id of those of the merchant's warehouses that have one of the codes."""
    query = sa.select(_W.warehouse_sn, _W.w_id).where(
        _W.vender_id == vender_id, _W.warehouse_sn.in_(sorted(set(codes)))
    )
    return {row.warehouse_sn: row.w_id for row in await connection.execute(query)}


def _conditions(vender_id: int, status: int | None, warehouse_sn: str | None) -> list[sa.ColumnElement[bool]]:
    conditions = [_W.vender_id == vender_id]
    if status is not None:
        conditions.append(_W.warehouse_status == status)
    if warehouse_sn is not None:
        conditions.append(_W.warehouse_sn == warehouse_sn)
    return conditions
