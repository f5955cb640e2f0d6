"""The HTTP face of warehouse_service: parameters in, checked; answers out."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments, whole_number
from openplatform.errors import business_error
from openplatform.idempotency import call_key
from openplatform.web import JsonAnswer, business_params, caller_of, invalid, missing
from warehouse_service.repository import StockFilter
from warehouse_service.service import Line, Release, StockService, WarehouseReader

_MOST_PRODUCTS = 100
_MOST_LINES = 100
_INT, _SMALLINT = 2**31 - 1, 2**15 - 1  # of the columns


def routes(reader: WarehouseReader, stock: StockService, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """GET /warehouses, GET /stock, POST /stock/lock, /stock/unlock, /stock/deduct."""

    async def search_warehouses(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        page_no, page_size = arguments.page()
        status = arguments.integer("status", low=0, high=1)
        answer = await reader.warehouses(caller.vender_id, status=status, page_no=page_no, page_size=page_size)
        return JsonAnswer(answer)

    async def get_stock(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        # A hundred, so that the usual question, some products by number, is answered in one page.
        page_no, page_size = arguments.page(default_size=100)
        wanted = StockFilter(
            vender_id=caller.vender_id,
            product_ids=arguments.integers("product_ids", at_most=_MOST_PRODUCTS, low=1, high=_INT),
            w_id=arguments.integer("w_id", low=1, high=_SMALLINT),
            warehouse_sn=arguments.text("warehouse_sn", max_length=5),
        )
        if wanted.product_ids is None and wanted.w_id is None and wanted.warehouse_sn is None:
            raise business_error(
                "isv.missing-parameter:product_ids", "one of product_ids, w_id and warehouse_sn is required"
            )
        return JsonAnswer(await reader.stock(wanted, page_no=page_no, page_size=page_size))

    async def lock(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        order_id = arguments.needed_integer("order_id", low=1)
        key = call_key(caller, "open.stock.lock", params)
        return JsonAnswer(await stock.lock(caller, order_id, _lines(arguments), key))

    async def unlock(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        order_id = arguments.needed_integer("order_id", low=1)
        key = call_key(caller, "open.stock.unlock", params)
        return JsonAnswer(await stock.unlock(caller, order_id, _releases(arguments), key))

    async def deduct(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        order_id = Arguments(params, zone).needed_integer("order_id", low=1)
        return JsonAnswer(await stock.deduct(caller, order_id, call_key(caller, "open.stock.deduct", params)))

    return [
        Route("/warehouses", search_warehouses, methods=["GET"]),
        Route("/stock", get_stock, methods=["GET"]),
        Route("/stock/lock", lock, methods=["POST"]),
        Route("/stock/unlock", unlock, methods=["POST"]),
        Route("/stock/deduct", deduct, methods=["POST"]),
    ]


def _lines(arguments: Arguments) -> list[Line]:
    items = arguments.objects("items", at_most=_MOST_LINES)
    if items is None:
        raise missing("items")
    lines = []
    for item in items:
        code = item.get("warehouse_sn")
        if ("w_id" in item) == (code is not None):
            raise invalid("items", "must name the warehouse of each line by w_id or by warehouse_sn, not both")
        if code is not None and (not isinstance(code, str) or not 1 <= len(code) <= 5 or "\0" in code):
            raise invalid("items.warehouse_sn", "must be a code of at most 5 characters")
        w_id = None if code is not None else whole_number("items.w_id", item["w_id"], low=1, high=_SMALLINT)
        cnt = whole_number("items.cnt", item.get("cnt"), low=1, high=_INT)
        lines.append(Line(product_id=_product_id(item), cnt=cnt, w_id=w_id, warehouse_sn=code))
    _check_distinct([line.product_id for line in lines])
    return lines


def _releases(arguments: Arguments) -> list[Release] | None:
    items = arguments.objects("items", at_most=_MOST_LINES)
    if items is None:
        return None
    releases = []
    for item in items:
        cnt = whole_number("items.cnt", item["cnt"], low=1, high=_INT) if "cnt" in item else None
        releases.append(Release(product_id=_product_id(item), cnt=cnt))
    _check_distinct([release.product_id for release in releases])
    return releases


def _product_id(item: dict[str, Any]) -> int:
    return whole_number("items.product_id", item.get("product_id"), low=1, high=_INT)


def _check_distinct(product_ids: Sequence[int]) -> None:
    twice = {product_id for product_id in product_ids if product_ids.count(product_id) > 1}
    if twice:
        raise invalid("items", f"must name each product once: {', '.join(map(str, sorted(twice)))}")
