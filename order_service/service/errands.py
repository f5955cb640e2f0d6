"""Moves that need the warehouse, in three steps that a crash may interrupt anywhere.

1. The intent is stored: from here on the order can only go where the intent leads. 2. warehouse_service does its part. 3. The order
moves, and the intent is done. The sweeper repeats 2 and 3 for intents that were left.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from openplatform.arguments import written_time
from openplatform.errors import (
    PLATFORM_UNAVAILABLE,
    PlatformUnavailable,
    ServiceRejected,
    UpstreamFailed,
)
from openplatform.idempotency import CallKey, keep_answer, kept_answer
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import Caller
from order_service import repository
from order_service.clients import WarehouseClient
from order_service.repository import Intent, Move
from order_service.service.moves import being_done, make_move
from order_service.service.orders import order_not_exists
from order_service.service.states import OrderState
from order_service.settings import OrderSettings
from order_service.tables import idempotency_record

log = logging.getLogger(__name__)

_SWEEP_BATCH = 50
_LONGEST_PAUSE_S = 60.0
_CONCLUDING_S = 0.3  # kept of the caller's time for step 3
Answer = dict[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller wants with it. carrier, waybill: of a shipment."""

    reason: str
    carrier: str | None = None
    waybill: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One kind of such a move.

    kind: of its intents; target: the state it ends in; check: raises ServiceRejected when the order is not in a state for it;
    is_done: whether the order is as wished already; same: whether a stored intent is the wish; ask: step 2, given seconds;
    refusals: sub_codes by which the warehouse says that it did nothing and will not: the intent is withdrawn then;
    columns: what the move sets beside the state; shown: columns of the answer.
    """

    kind: str
    api_name: str
    target: OrderState
    check: Callable[[int, Row], None]
    is_done: Callable[[Row, Wish], bool]
    same: Callable[[Intent, Wish], bool]
    ask: Callable[[WarehouseClient, Intent, float], Awaitable[None]]
    refusals: frozenset[str]
    columns: Callable[[Intent, datetime], Mapping[str, object]]
    shown: tuple[str, ...]


class OrderErrands:
    """Runs errands, and finishes those that were interrupted. Any number of processes may do both at once."""

    def __init__(
        self,
        database: Database,
        warehouse: WarehouseClient,
        clock: Clock,
        settings: OrderSettings,
        kinds: tuple[Errand, ...],
    ) -> None:
        self._database = database
        self._warehouse = warehouse
        self._clock = clock
        self._settings = settings
        self._kinds = {errand.kind: errand for errand in kinds}

    async def run(self, errand: Errand, caller: Caller, order_id: int, wish: Wish, key: CallKey) -> Answer:
        """`{"order": {"order_id", "state", "modified", …}}`; the same for an order that is as wished already.

        Raises ServiceRejected `isv.order-not-exists`, `isv.invalid-state` and what the warehouse refuses; PlatformUnavailable when
        the warehouse could not be asked: the intent is stored then, and the sweeper will finish it.
        """
        begun = await self._database.run(partial(self._begin, errand, caller, order_id, wish, key))
        if not isinstance(begun, Intent):
            return begun
        deadline_s = max(0.1, min(self._settings.warehouse_timeout_s, caller.deadline_s - _CONCLUDING_S))
        try:
            await errand.ask(self._warehouse, begun, deadline_s)
        except (UpstreamFailed, ServiceRejected, PlatformUnavailable) as error:
            if error.sub_code in errand.refusals:
                if begun.attempts == 0:  # else others are at it, and one of them may have been luckier
                    await self._withdraw(begun)
                raise
            log.warning("%s of order %s waits for the sweeper: %s", errand.kind, order_id, error)
            raise PLATFORM_UNAVAILABLE(
                f"the {errand.kind} of order {order_id} is recorded, the warehouse has not answered yet; "
                "it will be finished by itself",
                retry_after_s=int(self._settings.sweep_after_s),
            ) from error
        return await self._database.run(partial(self._conclude, errand, begun, key))

    async def sweep(self) -> int:
        """Finishes what was left unfinished; returns how many. One that fails is tried again later."""
        now = self._now()
        async with self._database.read() as connection:
            due = await repository.due_intents(connection, now, limit=_SWEEP_BATCH)
        return sum([await self._take_up(intent, now) for intent in due])

    async def _take_up(self, intent: Intent, now: datetime) -> bool:
        pause_s = min(_LONGEST_PAUSE_S, self._settings.sweep_after_s * 2**intent.attempts)
        later = now + timedelta(seconds=pause_s)
        if not await self._database.run(partial(repository.claim_intent, intent=intent, next_attempt=later)):
            return False
        try:
            errand = self._kinds[intent.kind]
            await errand.ask(self._warehouse, intent, self._settings.warehouse_timeout_s)
            await self._database.run(partial(self._conclude, errand, intent, None))
        except ServiceRejected as error:
            if error.sub_code in errand.refusals:
                log.warning("%s of order %s is given up: %s", intent.kind, intent.order_id, error)
                await self._withdraw(intent, attempts=intent.attempts + 1)
            else:
                log.exception("%s of order %s cannot be finished", intent.kind, intent.order_id)
        except (UpstreamFailed, PlatformUnavailable) as error:
            log.warning("%s of order %s is still not finished: %s", intent.kind, intent.order_id, error)
        except Exception:  # one order that nobody foresaw must not keep the others waiting
            log.exception("%s of order %s cannot be finished", intent.kind, intent.order_id)
        else:
            log.info("%s of order %s finished by the sweeper", intent.kind, intent.order_id)
            return True
        return False

    async def _begin(
        self, errand: Errand, caller: Caller, order_id: int, wish: Wish, key: CallKey, connection: AsyncConnection
    ) -> Intent | Answer:
        """Step 1; the final answer when nothing is left to do."""
        if (kept := await kept_answer(connection, idempotency_record, key)) is not None:
            return kept
        order = await repository.find_order(connection, caller.vender_id, order_id, to_change=True)
        if order is None:
            raise order_not_exists(order_id)
        if errand.is_done(order, wish):
            return self._answer(errand, order)
        errand.check(order_id, order)
        now = self._now()
        next_attempt = now + timedelta(seconds=self._settings.sweep_after_s)
        intents = await repository.find_intents(connection, caller.vender_id, order_id)
        for present in intents.values():
            if present.finished is None:
                if present.kind != errand.kind or not errand.same(present, wish):
                    raise being_done(present, OrderState(order["state"]), errand.target)
                await repository.claim_intent(connection, present, next_attempt=next_attempt)
                return replace(present, attempts=present.attempts + 1)
        intent = Intent(
            order_id=order_id,
            kind=errand.kind,
            vender_id=caller.vender_id,
            reason=wish.reason,
            carrier=wish.carrier,
            waybill=wish.waybill,
            app_key=caller.app_key[:50],
            request_id=caller.request_id[:64],
            requested=now,
            next_attempt=next_attempt,
        )
        await repository.add_intent(connection, intent)
        return intent

    async def _withdraw(self, intent: Intent, *, attempts: int = 0) -> None:
        await self._database.run(partial(repository.withdraw_intent, intent=intent, attempts=attempts))

    async def _conclude(
        self, errand: Errand, intent: Intent, key: CallKey | None, connection: AsyncConnection
    ) -> Answer:
        """Step 3."""
        vender_id, order_id = intent.vender_id, intent.order_id
        order = await repository.find_order(connection, vender_id, order_id, to_change=True)
        if order is None:
            raise order_not_exists(order_id)  # deleted in the meantime
        stored = (await repository.find_intents(connection, vender_id, order_id)).get(errand.kind)
        if stored is None:
            raise PLATFORM_UNAVAILABLE(f"the {errand.kind} of order {order_id} was given up meanwhile: repeat the call")
        if stored.finished is None:  # else a twin or the sweeper was faster
            now = self._now()
            move = Move(
                order_id=order_id,
                vender_id=vender_id,
                from_state=order["state"],
                to_state=errand.target,
                api_name=errand.api_name,
                cause=stored.reason,
                app_key=stored.app_key,
                request_id=stored.request_id,
                created=now,
            )
            columns = errand.columns(stored, now)
            modified = await make_move(connection, move, columns)
            order = {**order, **columns, "state": errand.target, "modified": modified}
            await repository.finish_intent(connection, stored, now)
        answer = self._answer(errand, order)
        if key is not None and await kept_answer(connection, idempotency_record, key) is None:
            await keep_answer(connection, idempotency_record, key, answer, self._clock)
        return answer

    def _answer(self, errand: Errand, order: Row) -> Answer:
        shown = {name: order[name] for name in errand.shown}
        modified = written_time(order["modified"], self._settings.time_zone)
        return {"order": {"order_id": order["order_id"], "state": int(order["state"]), "modified": modified} | shown}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)
