"""Movements: the history of every count."""

from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who moved stock, why and when. reference: `order:<order_id>` or what else it was for; app_key, request_id: who asked."""

    vender_id: int
    reference: str
    app_key: str
    request_id: str
    at: datetime


async def add_movement(
    connection: AsyncConnection, kind: Kind, cause: Cause, product_id: int, w_id: int, cnt: int, after: Counts
) -> None:
    """Writes the movement that led to `after`, which this transaction has just made and read: what was before follows."""
    current = {Kind.OPENING: cnt, Kind.DEDUCT: -cnt}.get(kind, 0)
    lock = {Kind.LOCK: cnt, Kind.UNLOCK: -cnt, Kind.DEDUCT: -cnt}.get(kind, 0)
    in_transit = after.in_transit_cnt if kind is Kind.OPENING else 0
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
            in_transit_before=after.in_transit_cnt - in_transit,
            in_transit_after=after.in_transit_cnt,
            reference=cause.reference,
            app_key=cause.app_key[:50],
            request_id=cause.request_id[:64],
            created=cause.at,
        )
    )
