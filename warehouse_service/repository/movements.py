"""Movements: the history of every count."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from warehouse_service.repository.stock import Counts
from warehouse_service.tables import stock_movement


class Kind(StrEnum):
    """What happened to the stock."""

    OPENING = "opening"
    LOCK = "lock"
    UNLOCK = "unlock"
    DEDUCT = "deduct"
    INBOUND = "inbound"
    RECEIVE = "receive"


_SIGNS: Mapping[Kind, tuple[int, int, int]] = {
    Kind.OPENING: (1, 0, 0),
    Kind.LOCK: (0, 1, 0),
    Kind.UNLOCK: (0, -1, 0),
    Kind.DEDUCT: (-1, -1, 0),
    Kind.INBOUND: (0, 0, 1),
    Kind.RECEIVE: (1, 0, -1),
}
"""What one piece changes: on hand, held, in transit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who moved stock, why and when. reference: `order:<order_id>` or what else it was for; app_key, request_id: who asked."""

    vender_id: int
    reference: str
    app_key: str
    request_id: str
    at: datetime


async def add_movement(
    connection: AsyncConnection,
    kind: Kind,
    cause: Cause,
    product_id: int,
    w_id: int,
    cnt: int,
    after: Counts,
    *,
    in_transit_before: int | None = None,
    unit_cost: Decimal | None = None,
    cost_before: Decimal | None = None,
) -> None:
    """Writes the movement that led to `after`, which this transaction has just made and read: what was before follows.

    in_transit_before, cost_before: where they do not follow; cost_before None = the average cost did not change.
    """
    current, lock, in_transit = (sign * cnt for sign in _SIGNS[kind])
    await connection.execute(
        stock_movement.insert().values(
            vender_id=cause.vender_id,
            product_id=product_id,
            w_id=w_id,
            kind=kind.value,
            cnt=cnt,
            current_before=after.current_cnt - current,
            current_after=after.current_cnt,
            lock_before=after.lock_cnt - lock,
            lock_after=after.lock_cnt,
            in_transit_before=after.in_transit_cnt - in_transit if in_transit_before is None else in_transit_before,
            in_transit_after=after.in_transit_cnt,
            unit_cost=unit_cost,
            cost_before=after.average_cost if cost_before is None else cost_before,
            cost_after=after.average_cost,
            reference=cause.reference,
            app_key=cause.app_key[:50],
            request_id=cause.request_id[:64],
            created=cause.at,
        )
    )
