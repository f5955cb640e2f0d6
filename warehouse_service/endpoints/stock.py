"""/stock: shown, held for orders, released, deducted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments
from openplatform.errors import business_error
from openplatform.idempotency import CallKey, call_key
from openplatform.web import Caller, JsonAnswer, business_params, caller_of
from warehouse_service.endpoints.lines import INT, SMALLINT, lines_of, releases_of
from warehouse_service.repository import StockFilter
from warehouse_service.service import StockService, WarehouseReader

_MOST_PRODUCTS = 100
_ForOrder = Callable[[Caller, int, Arguments, CallKey], Awaitable[dict[str, Any]]]


def stock_routes(reader: WarehouseReader, stock: StockService, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """GET /stock, /stock/search, POST /stock/lock, /stock/unlock, /stock/deduct, and /stock/release for order_service."""

    async def get(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        # A hundred, so that the usual question, some products by number, is answered in one page.
        page_no, page_size = arguments.page(default_size=100)
        wanted = _filter(caller.vender_id, arguments)
        if wanted.product_ids is None and wanted.w_id is None and wanted.warehouse_sn is None:
            raise business_error(
                "isv.missing-parameter:product_ids", "one of product_ids, w_id and warehouse_sn is required"
            )
        return JsonAnswer(await reader.stock(wanted, page_no=page_no, page_size=page_size))

    async def search(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        page_no, page_size = arguments.page()
        wanted = _filter(caller.vender_id, arguments)
        return JsonAnswer(await reader.stock(wanted, page_no=page_no, page_size=page_size))

    def for_order(api_name: str, work: _ForOrder) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            caller = caller_of(request)
            params = await business_params(request)
            arguments = Arguments(params, zone)
            order_id = arguments.needed_integer("order_id", low=1)
            return JsonAnswer(await work(caller, order_id, arguments, call_key(caller, api_name, params)))

        return endpoint

    async def lock(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        return await stock.lock(caller, order_id, lines_of(arguments), key)

    async def unlock(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        return await stock.unlock(caller, order_id, releases_of(arguments), key)

    async def deduct(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        return await stock.deduct(caller, order_id, key)

    async def release(caller: Caller, order_id: int, arguments: Arguments, key: CallKey) -> dict[str, Any]:
        return await stock.close(caller, order_id, key)

    return [
        Route("/stock", get, methods=["GET"]),
        Route("/stock/search", search, methods=["GET"]),
        Route("/stock/lock", for_order("open.stock.lock", lock), methods=["POST"]),
        Route("/stock/unlock", for_order("open.stock.unlock", unlock), methods=["POST"]),
        Route("/stock/deduct", for_order("open.stock.deduct", deduct), methods=["POST"]),
        Route("/stock/release", for_order("stock.release", release), methods=["POST"]),
    ]


def _filter(vender_id: int, arguments: Arguments) -> StockFilter:
    return StockFilter(
        vender_id=vender_id,
        product_ids=arguments.integers("product_ids", at_most=_MOST_PRODUCTS, low=1, high=INT),
        w_id=arguments.integer("w_id", low=1, high=SMALLINT),
        warehouse_sn=arguments.text("warehouse_sn", max_length=5),
        most_available=arguments.integer("most_available", low=0, high=INT),
    )
