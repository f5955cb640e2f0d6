"""Goods on their way in: announced, then received at what they cost."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from openplatform.errors import OpenPlatformError, business_error
from openplatform.idempotency import CallKey, change_once
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import Caller
from warehouse_service import repository
from warehouse_service.repository import Cause, Kind
from warehouse_service.service.lines import Line, cause_of, placed, record, stock_not_exists, warehouse_disabled
from warehouse_service.tables import idempotency_record

Answer = dict[str, Any]
_CENT = Decimal("0.01")


class StockArrivals:
    """Answers `open.stock.inbound` and `open.stock.receive`: all lines or none.

    Both raise ServiceRejected with nothing changed, and PlatformUnavailable when the database is down.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def inbound(self, caller: Caller, lines: Sequence[Line], *, reference: str, key: CallKey) -> Answer:
        """Announces goods: `{"items": [{"product_id", "w_id", "cnt", "in_transit_cnt"}, …]}`.

        A product that the warehouse has not had yet is added to it. Raises ServiceRejected `isv.stock-not-exists` for a warehouse
        that is not the merchant's, `isv.warehouse-disabled`, `isv.stock-too-much`.
        """
        cause = cause_of(caller, reference, self._clock)
        change = partial(self._inbound, cause, lines)
        return await change_once(self._database, idempotency_record, key, self._clock, change)

    async def receive(self, caller: Caller, lines: Sequence[Line], *, reference: str, key: CallKey) -> Answer:
        """Moves goods from in transit to on hand: `{"items": [{"product_id", "w_id", "cnt", "current_cnt", "in_transit_cnt",
        "average_cost"}, …]}`. Each line has a unit_cost.

        More than announced is refused: `isv.in-transit-not-enough`. A disabled warehouse receives what was announced to it before.
        """
        cause = cause_of(caller, reference, self._clock)
        change = partial(self._receive, cause, lines)
        return await change_once(self._database, idempotency_record, key, self._clock, change)

    async def _inbound(self, cause: Cause, lines: Sequence[Line], connection: AsyncConnection) -> Answer:
        items = []
        for w_id, line in await placed(connection, cause.vender_id, lines):
            step = (cause.vender_id, line.product_id, w_id, line.cnt, cause.at)
            if not await repository.announce_stock(connection, *step):
                await self._add_product(connection, cause, line.product_id, w_id)
                if not await repository.announce_stock(connection, *step):
                    raise business_error(
                        "isv.stock-too-much",
                        f"product {line.product_id} in warehouse {w_id}: {line.cnt} more are too many to count",
                        http_status=409,
                    )
            after = await record(connection, Kind.INBOUND, cause, line.product_id, w_id, line.cnt)
            items.append(_item(w_id, line) | {"in_transit_cnt": after.in_transit_cnt})
        return {"items": items}

    async def _add_product(self, connection: AsyncConnection, cause: Cause, product_id: int, w_id: int) -> None:
        """Makes the line if it is missing. A twin that makes it at the same moment costs an IntegrityError and a second try."""
        warehouse = await repository.find_warehouse(connection, cause.vender_id, w_id)
        if warehouse is None:
            raise stock_not_exists(product_id, w_id)
        if warehouse["warehouse_status"] != 1:
            raise warehouse_disabled(w_id, "nothing can be sent to it")
        if await repository.find_counts(connection, cause.vender_id, product_id, w_id) is None:
            await repository.add_product(connection, product_id, w_id, cause.at)

    async def _receive(self, cause: Cause, lines: Sequence[Line], connection: AsyncConnection) -> Answer:
        items = []
        for w_id, line in await placed(connection, cause.vender_id, lines):
            place = (cause.vender_id, line.product_id, w_id)
            before = await repository.lock_counts(connection, *place)
            if before is None:
                raise stock_not_exists(line.product_id, w_id)
            cost = moved_average(before.current_cnt, before.average_cost, line.cnt, line.unit_cost or Decimal(0))
            if not await repository.receive_stock(connection, *place, line.cnt, cost, cause.at):
                raise _not_announced(w_id, line, before.in_transit_cnt)
            costs = {"unit_cost": line.unit_cost, "cost_before": before.average_cost}
            after = await record(connection, Kind.RECEIVE, cause, line.product_id, w_id, line.cnt, **costs)
            counts = {"current_cnt": after.current_cnt, "in_transit_cnt": after.in_transit_cnt}
            items.append(_item(w_id, line) | counts | {"average_cost": str(cost)})
        return {"items": items}


def moved_average(on_hand: int, cost: Decimal, received: int, unit_cost: Decimal) -> Decimal:
    """The moving weighted average, yuan, half-up to 2 decimals: (on_hand × cost + received × unit_cost) ÷ (on_hand + received).

    Costs have at most 2 decimals, received is above 0. Whole numbers of fen throughout: nothing is rounded twice.
    """
    pieces = on_hand + received
    fen = on_hand * int(cost * 100) + received * int(unit_cost * 100)
    return (Decimal((2 * fen + pieces) // (2 * pieces)) / 100).quantize(_CENT)


def _item(w_id: int, line: Line) -> Answer:
    return {"product_id": line.product_id, "w_id": w_id, "cnt": line.cnt}


def _not_announced(w_id: int, line: Line, in_transit: int) -> OpenPlatformError:
    return business_error(
        "isv.in-transit-not-enough",
        f"product {line.product_id} in warehouse {w_id}: {line.cnt} received, {in_transit} in transit: "
        "announce the others by open.stock.inbound first",
        http_status=409,
    )
