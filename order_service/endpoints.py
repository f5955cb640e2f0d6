"""The HTTP face of order_service: parameters in, checked; answers out."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments
from openplatform.errors import business_error
from openplatform.idempotency import call_key
from openplatform.web import JsonAnswer, business_params, caller_of, invalid
from order_service.repository import ORDER_COLUMNS, OrderFilter
from order_service.service import CANCEL_API, OrderCancellation, OrderReader

_MOST_ORDER_IDS = 100


def routes(orders: OrderReader, cancellation: OrderCancellation, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """GET /orders, GET /orders/{order_id}, POST /orders/{order_id}/cancel."""

    async def search(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        page_no, page_size = arguments.page()
        wanted = _order_filter(caller.vender_id, arguments)
        fields = _fields(arguments)
        return JsonAnswer(await orders.search(wanted, fields=fields, page_no=page_no, page_size=page_size))

    async def get(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        return JsonAnswer(await orders.get(caller.vender_id, arguments.needed_integer("order_id", low=1)))

    async def cancel(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        order_id = arguments.needed_integer("order_id", low=1)
        reason = arguments.needed_text("reason", max_length=200)
        key = call_key(caller, CANCEL_API, params)
        return JsonAnswer(await cancellation.cancel(caller, order_id, reason=reason, key=key))

    return [
        Route("/orders", search, methods=["GET"]),
        Route("/orders/{order_id}", get, methods=["GET"]),
        Route("/orders/{order_id}/cancel", cancel, methods=["POST"]),
    ]


def _order_filter(vender_id: int, arguments: Arguments) -> OrderFilter:
    start, end = arguments.time("start_time"), arguments.time("end_time")
    if start is not None and end is not None and start > end:
        raise business_error("isv.invalid-parameter:end_time", "end_time must not be before start_time")
    time_type = arguments.choice("time_type", ("created", "modified"), "modified")
    return OrderFilter(
        vender_id=vender_id,
        # The day an order was created is order_create_date; `created` is the day its row was written.
        time_column="order_create_date" if time_type == "created" else "modified",
        start=start,
        # Callers write whole seconds and mean the last one too: 23:59:59 is the end of a day.
        end=None if end is None else end + timedelta(seconds=1),
        state=arguments.integer("state", low=1, high=6),
        pin=arguments.text("pin", max_length=50),
        order_ids=arguments.integers("order_ids", at_most=_MOST_ORDER_IDS, low=1),
        sku_id=arguments.integer("sku_id", low=1),
    )


def _fields(arguments: Arguments) -> Sequence[str]:
    fields = arguments.words("fields", at_most=len(ORDER_COLUMNS))
    if fields is None:
        return ORDER_COLUMNS
    unknown = [field for field in fields if field not in ORDER_COLUMNS]
    if unknown:
        raise invalid("fields", f"names what no order has: {', '.join(field[:50] for field in unknown[:5])}")
    return fields
