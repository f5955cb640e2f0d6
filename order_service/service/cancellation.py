"""The buyer's withdrawal, in three steps that a crash may interrupt anywhere.

1. The intent is stored: from here on the order can only become cancelled. 2. warehouse_service releases the stock that the
order holds. 3. The order moves to cancelled, and the intent is done. The sweeper repeats 2 and 3 for intents that were left.
"""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from openplatform.arguments import written_time
from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable, ServiceRejected, UpstreamFailed
from openplatform.idempotency import CallKey, keep_answer, kept_answer
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import Caller
from order_service import repository
from order_service.clients import WarehouseClient
from order_service.repository import Cancellation, Move
from order_service.service.moves import make_move
from order_service.service.orders import order_not_exists
from order_service.service.states import OrderState, check_move
from order_service.settings import OrderSettings
from order_service.tables import idempotency_record

log = logging.getLogger(__name__)

CANCEL_API = "open.order.cancel"
_SWEEP_BATCH = 50
_LONGEST_PAUSE_S = 60.0
_CONCLUDING_S = 0.3  # kept of the caller's time for step 3
Answer = dict[str, Any]


class OrderCancellation:
    """Cancels orders, and finishes cancellations that were interrupted. Any number of processes may do both at once."""

    def __init__(self, database: Database, warehouse: WarehouseClient, clock: Clock, settings: OrderSettings) -> None:
        self._database = database
        self._warehouse = warehouse
        self._clock = clock
        self._settings = settings

    async def cancel(self, caller: Caller, order_id: int, *, reason: str, key: CallKey) -> Answer:
        """`{"order": {"order_id", "state": 6, "modified"}}`; the same for an order that is cancelled already.

        Raises ServiceRejected `isv.order-not-exists` and `isv.invalid-state`; PlatformUnavailable when the stock could not be
        released yet: the intent is stored then, and the sweeper will finish it.
        """
        done = await self._database.run(partial(self._intend, caller, order_id, reason, key))
        if done is not None:
            return done
        deadline_s = max(0.1, min(self._settings.warehouse_timeout_s, caller.deadline_s - _CONCLUDING_S))
        try:
            await self._release(caller.vender_id, order_id, caller.app_key, caller.request_id, deadline_s)
        except (UpstreamFailed, ServiceRejected, PlatformUnavailable) as error:
            log.warning("cancellation of order %s waits for the sweeper: %s", order_id, error)
            raise PLATFORM_UNAVAILABLE(
                f"the cancellation of order {order_id} is recorded, its stock is not released yet; it will be finished by itself",
                retry_after_s=int(self._settings.sweep_after_s),
            ) from error
        return await self._database.run(partial(self._conclude, caller.vender_id, order_id, key))

    async def sweep(self) -> int:
        """Finishes cancellations that were left unfinished; returns how many. One that fails is tried again later."""
        now = self._now()
        async with self._database.read() as connection:
            due = await repository.due_cancellations(connection, now, limit=_SWEEP_BATCH)
        finished = 0
        for cancellation in due:
            pause_s = min(_LONGEST_PAUSE_S, self._settings.sweep_after_s * 2**cancellation.attempts)
            later = now + timedelta(seconds=pause_s)
            claim = partial(repository.claim_cancellation, cancellation=cancellation, next_attempt=later)
            if not await self._database.run(claim):
                continue
            order = (cancellation.vender_id, cancellation.order_id)
            try:
                await self._release(
                    *order, cancellation.app_key, cancellation.request_id, self._settings.warehouse_timeout_s
                )
                await self._database.run(partial(self._conclude, *order, None))
            except (UpstreamFailed, PlatformUnavailable) as error:
                log.warning("cancellation of order %s is still not finished: %s", cancellation.order_id, error)
            except Exception:  # one order that nobody foresaw must not keep the others waiting
                log.exception("cancellation of order %s cannot be finished", cancellation.order_id)
            else:
                log.info("cancellation of order %s finished by the sweeper", cancellation.order_id)
                finished += 1
        return finished

    async def _intend(
        self, caller: Caller, order_id: int, reason: str, key: CallKey, connection: AsyncConnection
    ) -> Answer | None:
        """Step 1; the final answer when nothing is left to do."""
        if (kept := await kept_answer(connection, idempotency_record, key)) is not None:
            return kept
        order = await repository.find_order(connection, caller.vender_id, order_id, to_change=True)
        if order is None:
            raise order_not_exists(order_id)
        state = OrderState(order["state"])
        if state is OrderState.CANCELLED:
            return self._answer(order_id, order["modified"])
        check_move(order_id, state, OrderState.CANCELLED)
        if await repository.find_cancellation(connection, caller.vender_id, order_id) is None:
            now = self._now()
            intent = Cancellation(
                order_id=order_id,
                vender_id=caller.vender_id,
                reason=reason,
                app_key=caller.app_key[:50],
                request_id=caller.request_id[:64],
                requested=now,
                next_attempt=now + timedelta(seconds=self._settings.sweep_after_s),
            )
            await repository.add_cancellation(connection, intent)
        return None

    async def _release(self, vender_id: int, order_id: int, app_key: str, request_id: str, deadline_s: float) -> None:
        await self._warehouse.release(
            vender_id=vender_id, order_id=order_id, app_key=app_key, request_id=request_id, deadline_s=deadline_s
        )

    async def _conclude(
        self, vender_id: int, order_id: int, key: CallKey | None, connection: AsyncConnection
    ) -> Answer:
        """Step 3."""
        order = await repository.find_order(connection, vender_id, order_id, to_change=True)
        intent = await repository.find_cancellation(connection, vender_id, order_id)
        if order is None or intent is None:
            raise order_not_exists(order_id)  # deleted in the meantime
        now = self._now()
        state, modified = OrderState(order["state"]), order["modified"]
        if state is not OrderState.CANCELLED:  # else a twin or the sweeper was faster
            move = Move(
                order_id=order_id,
                vender_id=vender_id,
                from_state=state,
                to_state=OrderState.CANCELLED,
                api_name=CANCEL_API,
                cause=intent.reason,
                app_key=intent.app_key,
                request_id=intent.request_id,
                created=now,
            )
            await make_move(connection, move)
            modified = now
        await repository.finish_cancellation(connection, vender_id, order_id, now)
        answer = self._answer(order_id, modified)
        if key is not None and await kept_answer(connection, idempotency_record, key) is None:
            await keep_answer(connection, idempotency_record, key, answer, self._clock)
        return answer

    def _answer(self, order_id: int, modified: datetime) -> Answer:
        shown = written_time(modified, self._settings.time_zone)
        return {"order": {"order_id": order_id, "state": OrderState.CANCELLED.value, "modified": shown}}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)
