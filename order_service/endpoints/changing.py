"""POST /orders/{order_id}/…: moved, shipped, cancelled, remarked on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments
from openplatform.idempotency import CallKey, call_key
from openplatform.web import Caller, JsonAnswer, business_params, caller_of
from order_service.service import CANCEL, SHIP, UPDATE_API, OrderErrands, OrderState, OrderUpdates, Wish

_REASON = 200
_Change = Callable[[Caller, int, Arguments, CallKey], Awaitable[dict[str, Any]]]


def changing_routes(updates: OrderUpdates, errands: OrderErrands, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """/orders/{order_id}/state, /remark, /ship and /cancel."""

    def endpoint(api_name: str, change: _Change) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller = caller_of(request)
            params = await business_params(request)
            arguments = Arguments(params, zone)
            order_id = arguments.needed_integer("order_id", low=1)
            return JsonAnswer(await change(caller, order_id, arguments, call_key(caller, api_name, params)))

        return answer

    async def move(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        wanted = OrderState(arguments.needed_integer("state", low=1, high=6))
        reason = arguments.needed_text("reason", max_length=_REASON)
        return await updates.move(caller, order_id, wanted, reason=reason, key=key)

    async def remark(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        text = arguments.needed_text("remark", max_length=200)
        return await updates.remark(caller, order_id, text, key=key)

    async def ship(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        carrier = arguments.needed_text("carrier", max_length=50)
        waybill = arguments.needed_text("waybill", max_length=40)
        reason = arguments.text("reason", max_length=_REASON) or f"{carrier} {waybill}"
        wish = Wish(reason=reason, carrier=carrier, waybill=waybill)
        return await errands.run(SHIP, caller, order_id, wish, key)

    async def cancel(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        wish = Wish(reason=arguments.needed_text("reason", max_length=_REASON))
        return await errands.run(CANCEL, caller, order_id, wish, key)

    return [
        Route("/orders/{order_id}/state", endpoint(UPDATE_API, move), methods=["POST"]),
        Route("/orders/{order_id}/remark", endpoint("open.order.remark.update", remark), methods=["POST"]),
        Route("/orders/{order_id}/ship", endpoint(SHIP.api_name, ship), methods=["POST"]),
        Route("/orders/{order_id}/cancel", endpoint(CANCEL.api_name, cancel), methods=["POST"]),
    ]
