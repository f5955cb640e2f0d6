"""/stock/inbound and /stock/receive: goods announced, goods that came."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments
from openplatform.idempotency import call_key
from openplatform.web import JsonAnswer, business_params, caller_of
from warehouse_service.endpoints.lines import lines_of
from warehouse_service.service import StockArrivals

_MOST_REFERENCE = 50  # with `inbound:` before it, it fits the movement's reference


def arrival_routes(arrivals: StockArrivals, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """POST /stock/inbound, /stock/receive."""

    async def inbound(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        reference, lines = _reference(arguments), lines_of(arguments)
        key = call_key(caller, "open.stock.inbound", params)
        return JsonAnswer(await arrivals.inbound(caller, lines, reference=reference, key=key))

    async def receive(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        reference, lines = _reference(arguments), lines_of(arguments, with_cost=True)
        key = call_key(caller, "open.stock.receive", params)
        return JsonAnswer(await arrivals.receive(caller, lines, reference=reference, key=key))

    return [
        Route("/stock/inbound", inbound, methods=["POST"]),
        Route("/stock/receive", receive, methods=["POST"]),
    ]


def _reference(arguments: Arguments) -> str:
    return f"inbound:{arguments.text('reference', max_length=_MOST_REFERENCE) or ''}"
