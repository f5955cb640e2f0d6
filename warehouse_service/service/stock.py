"""Stock held for orders: all lines or none, never below zero, the same call twice counts once.

Holds first, stock second, and stock in the order of (product_id, w_id): two transactions that meet wait for each other in one
direction only. What the database still calls a deadlock, openplatform.sql.Database.run repeats.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from openplatform.errors import OpenPlatformError, business_error
from openplatform.idempotency import CallKey, change_once
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import Caller
from warehouse_service import repository
from warehouse_service.repository import DEDUCTED, HELD, Cause, Hold, Kind
from warehouse_service.service.lines import (
    Line,
    Release,
    cause_of,
    placed,
    record,
    stock_not_exists,
    warehouse_disabled,
)
from warehouse_service.tables import idempotency_record

Answer = dict[str, Any]


class StockService:
    """Answers `open.stock.lock`, `.unlock` and `.deduct`: `{"order_id", "items": [{"product_id", "w_id", "cnt"}, …]}`.

    All of them raise ServiceRejected with nothing changed, and PlatformUnavailable when the database is down.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def lock(self, caller: Caller, order_id: int, lines: Sequence[Line], key: CallKey) -> Answer:
        """Holds every line for the order, or none.

        A product that the order holds already in the same number and warehouse is left as it is. Raises ServiceRejected:
        `isv.stock-not-enough`, `isv.stock-not-exists`, `isv.warehouse-disabled`, `isv.stock-hold-conflict`, `isv.order-closed`.
        """
        return await self._once(key, partial(self._lock, self._cause(caller, order_id), order_id, lines))

    async def unlock(self, caller: Caller, order_id: int, releases: Sequence[Release] | None, key: CallKey) -> Answer:
        """Releases what the order holds; items = what was released. None = everything, and nothing held is fine.

        Raises ServiceRejected `isv.stock-not-held` for a named product that is not held, or not in that number.
        """
        return await self._once(key, partial(self._unlock, self._cause(caller, order_id), order_id, releases))

    async def close(self, caller: Caller, order_id: int, key: CallKey) -> Answer:
        """Releases everything, and holds nothing for the order ever after: what order_service asks for when it cancels.

        A lock that was under way either comes before and is released, or comes after and is refused.
        """
        return await self._once(key, partial(self._close, self._cause(caller, order_id), order_id))

    async def deduct(self, caller: Caller, order_id: int, key: CallKey) -> Answer:
        """What the order holds leaves the warehouse; items = all that has left for the order, so a repeat answers the same.

        Raises ServiceRejected `isv.stock-not-held` when the order neither holds nor has taken anything.
        """
        return await self._once(key, partial(self._deduct, self._cause(caller, order_id), order_id))

    async def _once(self, key: CallKey, change: Any) -> Answer:
        return await change_once(self._database, idempotency_record, key, self._clock, change)

    async def _lock(self, cause: Cause, order_id: int, lines: Sequence[Line], connection: AsyncConnection) -> Answer:
        wanted = [
            Hold(order_id=order_id, vender_id=cause.vender_id, product_id=line.product_id, w_id=w_id, cnt=line.cnt)
            for w_id, line in await placed(connection, cause.vender_id, lines)
        ]
        present = {hold.product_id: hold for hold in await repository.find_holds(connection, cause.vender_id, order_id)}
        new = []
        for hold in wanted:
            other = present.get(hold.product_id)
            if other is None:
                new.append(hold)
            elif (other.w_id, other.cnt) != (hold.w_id, hold.cnt):
                raise _conflict(hold, other)
        if new:
            await repository.add_holds(connection, new, cause.at)
            # Written first, then looked: whoever closes the order now looks for holds after having closed it.
            if await repository.is_closed(connection, cause.vender_id, order_id):
                raise business_error(
                    "isv.order-closed",
                    f"order {order_id} was cancelled: nothing can be held for it any more",
                    http_status=409,
                )
        for hold in new:
            line = (hold.product_id, hold.w_id, hold.cnt)
            if not await repository.hold_stock(connection, cause.vender_id, *line, cause.at):
                raise await _why_not(connection, hold)
            await record(connection, Kind.LOCK, cause, *line)
        return _answer(order_id, wanted)

    async def _unlock(
        self, cause: Cause, order_id: int, releases: Sequence[Release] | None, connection: AsyncConnection
    ) -> Answer:
        holds = await repository.find_holds(connection, cause.vender_id, order_id, to_change=True)
        held = {hold.product_id: hold for hold in holds if hold.state == HELD}
        if releases is None:
            releases = [Release(product_id=product_id) for product_id in held]
        released = []
        for release in sorted(releases, key=lambda release: release.product_id):
            hold = held.get(release.product_id)
            if hold is None or (release.cnt or 0) > hold.cnt:
                raise _not_held(order_id, release, hold)
            cnt = hold.cnt if release.cnt is None else release.cnt
            if cnt == hold.cnt:
                await repository.delete_hold(connection, hold)
            else:
                await repository.shrink_hold(connection, hold, cnt, cause.at)
            line = (hold.product_id, hold.w_id, cnt)
            if not await repository.release_stock(connection, cause.vender_id, *line, cause.at):
                raise _broken(hold)
            await record(connection, Kind.UNLOCK, cause, *line)
            released.append(
                Hold(order_id=order_id, vender_id=cause.vender_id, product_id=line[0], w_id=line[1], cnt=cnt)
            )
        return _answer(order_id, released)

    async def _close(self, cause: Cause, order_id: int, connection: AsyncConnection) -> Answer:
        await repository.close_order(connection, cause.vender_id, order_id, cause.at)
        return await self._unlock(cause, order_id, None, connection)

    async def _deduct(self, cause: Cause, order_id: int, connection: AsyncConnection) -> Answer:
        holds = await repository.find_holds(connection, cause.vender_id, order_id, to_change=True)
        if not holds:
            raise business_error("isv.stock-not-held", f"order {order_id} holds no stock", http_status=409)
        for hold in holds:
            if hold.state == DEDUCTED:
                continue
            await repository.mark_deducted(connection, hold, cause.at)
            line = (hold.product_id, hold.w_id, hold.cnt)
            if not await repository.take_stock(connection, cause.vender_id, *line, cause.at):
                raise _broken(hold)
            await record(connection, Kind.DEDUCT, cause, *line)
        return _answer(order_id, holds)

    def _cause(self, caller: Caller, order_id: int) -> Cause:
        return cause_of(caller, f"order:{order_id}", self._clock)


async def _why_not(connection: AsyncConnection, hold: Hold) -> OpenPlatformError:
    counts = await repository.find_counts(connection, hold.vender_id, hold.product_id, hold.w_id)
    if counts is None:
        return stock_not_exists(hold.product_id, hold.w_id)
    if counts.warehouse_status != 1:
        return warehouse_disabled(hold.w_id, "its stock cannot be held")
    return business_error(
        "isv.stock-not-enough",
        f"product {hold.product_id} in warehouse {hold.w_id}: {hold.cnt} asked for, {counts.available_cnt} available",
        http_status=409,
    )


def _conflict(wanted: Hold, present: Hold) -> OpenPlatformError:
    return business_error(
        "isv.stock-hold-conflict",
        f"order {wanted.order_id} holds {present.cnt} of product {wanted.product_id} in warehouse {present.w_id} already, "
        f"not {wanted.cnt} in warehouse {wanted.w_id}: unlock it first",
        http_status=409,
    )


def _not_held(order_id: int, release: Release, hold: Hold | None) -> OpenPlatformError:
    held = 0 if hold is None else hold.cnt
    asked = "" if release.cnt is None else f", not {release.cnt}"
    return business_error(
        "isv.stock-not-held", f"order {order_id} holds {held} of product {release.product_id}{asked}", http_status=409
    )


def _broken(hold: Hold) -> Exception:
    return RuntimeError(f"the stock of {hold} holds less than its orders do")


def _answer(order_id: int, holds: Sequence[Hold]) -> Answer:
    items = [{"product_id": hold.product_id, "w_id": hold.w_id, "cnt": hold.cnt} for hold in holds]
    return {"order_id": order_id, "items": items}
