"""Orders written in bulk: for demo data and tests, since orders come from the shop and not through an API."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from order_service.repository.changes import take_turn
from order_service.tables import coupon_detail, pop_order_data, pop_order_item

_BATCH = 200


async def add_orders(connection: AsyncConnection, orders: Sequence[Mapping[str, Any]]) -> None:
    """Inserts orders with their lines and coupons, within the caller's transaction.

    Each order is a mapping of pop_order_data's columns (order_id, vender_id, state, order_create_date at least), and may have
    `items` and `coupons`: sequences of mappings of pop_order_item's (sku_id, num, price at least) and coupon_detail's columns
    (coupon_price at least). Money is fen, times are aware datetimes. Left out: yn is 1, created and modified are
    order_create_date, an item's or coupon's order_id, vender_id and times are its order's. Raises IntegrityError for an order_id
    that exists and for a missing column, ValueError for an unknown one. Each counts as a change of its merchant, by `modified`.
    """
    rows: list[dict[str, Any]] = []
    items, coupons = [], []
    for order in orders:
        row = {name: value for name, value in order.items() if name not in {"items", "coupons"}}
        created = row.get("created", row.get("order_create_date"))
        row = {"yn": 1, "created": created, "modified": created} | row
        rows.append(row)
        owner = {"order_id": row.get("order_id"), "vender_id": row.get("vender_id")}
        times = {"created": row["created"], "modified": row["modified"]}
        items += [owner | times | dict(item) for item in order.get("items", ())]
        coupons += [owner | {"yn": 1, "use_date": created} | dict(coupon) for coupon in order.get("coupons", ())]
    await _number(connection, rows)
    for table, new in ((pop_order_data, rows), (pop_order_item, items), (coupon_detail, coupons)):
        await _insert(connection, table, new)


async def _number(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Gives the rows their change_seq, older changes first."""
    owners: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("vender_id") is not None and row["modified"] is not None:  # else the database refuses it below
            owners.setdefault(row["vender_id"], []).append(row)
    for vender_id, own in sorted(owners.items()):
        own.sort(key=lambda row: row["modified"])
        turn = await take_turn(connection, vender_id, own[-1]["modified"], count=len(own))
        for back, row in enumerate(reversed(own)):
            row["change_seq"] = turn.last_seq - back


async def _insert(connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    names = {column.name for column in table.c} - {"id"}
    for row in rows:
        if unknown := set(row) - names:
            raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    # One statement for many rows needs the same columns in each.
    full = [{name: row.get(name) for name in names} for row in rows]
    for start in range(0, len(full), _BATCH):
        await connection.execute(table.insert(), full[start : start + _BATCH])
