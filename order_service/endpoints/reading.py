"""GET /orders…: found, shown, followed."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments
from openplatform.errors import business_error
from openplatform.web import JsonAnswer, business_params, caller_of, invalid, missing
from order_service.repository import ORDER_COLUMNS, OrderFilter
from order_service.service import OrderReader, Progress, sync_progress

_MOST_ORDER_IDS = 100
_LONGEST_CURSOR = 200  # of those we write, under 100


def reading_routes(orders: OrderReader, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """GET /orders, /orders/increment, /orders/{order_id}."""

    async def search(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        page_no, page_size = arguments.page()
        wanted = _order_filter(caller.vender_id, arguments)
        fields, cursor = _fields(arguments), arguments.text("cursor", max_length=_LONGEST_CURSOR)
        pii = caller.sees_personal_data
        if cursor is not None:
            return JsonAnswer(await orders.search_on(wanted, cursor, fields=fields, page_size=page_size, pii=pii))
        return JsonAnswer(await orders.search(wanted, fields=fields, page_no=page_no, page_size=page_size, pii=pii))

    async def increment(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        _, page_size = arguments.page()
        since, cursor = arguments.time("start_time"), arguments.text("cursor", max_length=_LONGEST_CURSOR)
        if cursor is None and since is None:
            raise missing("start_time")
        progress = Progress(0, since=since) if cursor is None else sync_progress(cursor)
        answer = await orders.changes(
            caller.vender_id, progress, fields=_fields(arguments), page_size=page_size, pii=caller.sees_personal_data
        )
        return JsonAnswer(answer)

    async def get(request: Request) -> Response:
        caller = caller_of(request)
        order_id = Arguments(await business_params(request), zone).needed_integer("order_id", low=1)
        return JsonAnswer(await orders.get(caller.vender_id, order_id, pii=caller.sees_personal_data))

    return [
        Route("/orders", search, methods=["GET"]),
        Route("/orders/increment", increment, methods=["GET"]),
        Route("/orders/{order_id}", get, methods=["GET"]),
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
