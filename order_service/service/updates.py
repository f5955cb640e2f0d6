"""Changes of an order that need nobody else: a move of its state, the merchant's remark."""

from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from openplatform.arguments import written_time
from openplatform.errors import OpenPlatformError, business_error
from openplatform.idempotency import CallKey, change_once
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import Caller
from order_service import repository
from order_service.repository import Move
from order_service.service.moves import make_move
from order_service.service.orders import order_not_exists
from order_service.service.states import OrderState, check_move
from order_service.tables import idempotency_record

UPDATE_API = "open.order.state.update"
_TIMES = {OrderState.AWAITING_SHIPMENT: "payment_confirm_time", OrderState.COMPLETED: "order_completetime"}
"""Columns that say when an order came to a state."""
Answer = dict[str, Any]


class OrderUpdates:
    """Answers `open.order.state.update` and `open.order.remark.update`. Both raise ServiceRejected `isv.order-not-exists`."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone

    async def move(self, caller: Caller, order_id: int, wanted: OrderState, *, reason: str, key: CallKey) -> Answer:
        """One move: `{"order": {"order_id", "state", "modified"}}`. Raises ServiceRejected `isv.invalid-state`, naming both states,
        also for moves that need the warehouse: those have APIs of their own."""
        work = partial(self._move, caller, order_id, wanted, reason)
        return await change_once(self._database, idempotency_record, key, self._clock, work)

    async def remark(self, caller: Caller, order_id: int, remark: str, *, key: CallKey) -> Answer:
        """`{"order": {"order_id", "remark", "modified"}}`."""
        work = partial(self._remark, caller.vender_id, order_id, remark)
        return await change_once(self._database, idempotency_record, key, self._clock, work)

    async def _move(
        self, caller: Caller, order_id: int, wanted: OrderState, reason: str, connection: AsyncConnection
    ) -> Answer:
        order = await repository.find_order(connection, caller.vender_id, order_id, to_change=True)
        if order is None:
            raise order_not_exists(order_id)
        current, now = OrderState(order["state"]), self._now()
        check_move(order_id, current, wanted)
        if (way := _own_way(current, wanted, has_left=order["outbound_date"] is not None)) is not None:
            raise _by_another_api(order_id, current, wanted, way)
        move = Move(
            order_id=order_id,
            vender_id=caller.vender_id,
            from_state=current,
            to_state=wanted,
            api_name=UPDATE_API,
            cause=reason,
            app_key=caller.app_key,
            request_id=caller.request_id,
            created=now,
        )
        times = {_TIMES[wanted]: now} if wanted in _TIMES else {}
        modified = await make_move(connection, move, times)
        return self._answer(order_id, modified, state=wanted.value)

    async def _remark(self, vender_id: int, order_id: int, remark: str, connection: AsyncConnection) -> Answer:
        if await repository.find_order(connection, vender_id, order_id, to_change=True) is None:
            raise order_not_exists(order_id)
        modified = await repository.change_order(connection, vender_id, order_id, self._now(), {"remark": remark})
        return self._answer(order_id, modified, remark=remark)

    def _answer(self, order_id: int, modified: datetime, **changed: object) -> Answer:
        return {"order": {"order_id": order_id, **changed, "modified": written_time(modified, self._zone)}}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _own_way(current: OrderState, wanted: OrderState, *, has_left: bool) -> str | None:
    """The API that makes an allowed move which concerns stock, None when it is a matter of the order alone."""
    if wanted is OrderState.CANCELLED:
        return "open.order.cancel, which releases its stock"
    leaves = wanted in (OrderState.AWAITING_RECEIPT, OrderState.COMPLETED)
    if leaves and not has_left and current in (OrderState.AWAITING_SHIPMENT, OrderState.AFTER_SALE):
        return "open.order.ship, which deducts its stock"
    return None


def _by_another_api(order_id: int, current: OrderState, wanted: OrderState, way: str) -> OpenPlatformError:
    return business_error(
        "isv.invalid-state",
        f"order {order_id} is in state {current.title} and cannot move to {wanted.title} here: use {way}",
        http_status=409,
    )
