"""Warehouses and stock written in bulk: for demo data and tests."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from warehouse_service.repository.movements import Cause, Kind, add_movement
from warehouse_service.repository.stock import Counts
from warehouse_service.tables import warehouse_info, warehouse_product


async def add_warehouses(connection: AsyncConnection, warehouses: Sequence[Mapping[str, Any]]) -> list[int]:
    """Inserts warehouses within the caller's transaction; returns their w_id in the same order.

    Each is a mapping of warehouse_info's columns: vender_id, warehouse_sn (5 characters, unique over all merchants),
    warehouse_name (≤ 10) and modified_time (aware) at least; warehouse_status is 1 when left out. Raises IntegrityError for a
    code that exists.
    """
    numbers = []
    for warehouse in warehouses:
        added = await connection.execute(warehouse_info.insert().values({"warehouse_status": 1} | dict(warehouse)))
        numbers.append(int(_only_key(added)))
    return numbers


async def add_stock(connection: AsyncConnection, stock: Sequence[Mapping[str, Any]], cause: Cause) -> None:
    """Inserts the opening stock of products, each with its movement, within the caller's transaction.

    Each is a mapping: product_id, w_id (a warehouse of cause.vender_id), current_cnt, average_cost (yuan, Decimal), and in_transit_cnt
    (0 when left out). Nothing is held yet: holds come from StockService.lock. Raises IntegrityError for a product that is
    there already, LookupError for a warehouse that is not the merchant's.
    """
    own = set(
        (
            await connection.execute(
                sa.select(warehouse_info.c.w_id).where(warehouse_info.c.vender_id == cause.vender_id)
            )
        ).scalars()
    )
    for row in stock:
        if row["w_id"] not in own:
            raise LookupError(f"merchant {cause.vender_id} has no warehouse {row['w_id']}")
        line = {"in_transit_cnt": 0} | dict(row) | {"lock_cnt": 0, "modified_time": cause.at}
        await connection.execute(warehouse_product.insert().values(line))
        key, on_hand, cost = (line["product_id"], line["w_id"]), line["current_cnt"], line["average_cost"]
        after = Counts(on_hand, 0, line["in_transit_cnt"], cost, 1)
        await add_movement(
            connection, Kind.OPENING, cause, *key, on_hand, after, in_transit_before=0, cost_before=Decimal(0)
        )


def _only_key(added: sa.CursorResult[Any]) -> int:
    key = added.inserted_primary_key
    if key is None:
        raise RuntimeError("the database gave no w_id")
    return int(key[0])
