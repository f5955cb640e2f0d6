"""/warehouses: found, shown, made, changed."""

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from openplatform.arguments import Arguments
from openplatform.errors import business_error
from openplatform.idempotency import call_key
from openplatform.web import JsonAnswer, business_params, caller_of, invalid, missing
from warehouse_service.endpoints.lines import SMALLINT
from warehouse_service.service import WarehouseBook, WarehouseReader

_CODE = re.compile(r"[0-9A-Za-z_-]{1,5}")
_TEXTS = {"warehouse_phone": 20, "contact": 10, "address": 100}
_PLACES = ("province", "city", "district")


def warehouse_routes(reader: WarehouseReader, book: WarehouseBook, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """GET and POST /warehouses, GET and POST /warehouses/{w_id}."""

    async def search(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        page_no, page_size = arguments.page()
        answer = await reader.warehouses(
            caller.vender_id,
            status=arguments.integer("status", low=0, high=1),
            warehouse_sn=arguments.text("warehouse_sn", max_length=5),
            page_no=page_no,
            page_size=page_size,
        )
        return JsonAnswer(answer)

    async def get(request: Request) -> Response:
        caller = caller_of(request)
        arguments = Arguments(await business_params(request), zone)
        return JsonAnswer(await reader.warehouse(caller.vender_id, _w_id(arguments)))

    async def create(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        code = arguments.needed_text("warehouse_sn", max_length=5)
        if not _CODE.fullmatch(code):
            raise invalid("warehouse_sn", "must be 1 to 5 of the letters a-z and A-Z, digits, - and _")
        values = {"warehouse_sn": code} | _values(arguments)
        if "warehouse_name" not in values:
            raise missing("warehouse_name")
        key = call_key(caller, "open.warehouse.create", params)
        return JsonAnswer(await book.create(caller.vender_id, values, key))

    async def update(request: Request) -> Response:
        caller = caller_of(request)
        params = await business_params(request)
        arguments = Arguments(params, zone)
        w_id, values = _w_id(arguments), _values(arguments)
        if arguments.has("warehouse_sn"):
            raise invalid("warehouse_sn", "cannot be changed")
        if not values:
            raise business_error("isv.missing-parameter:warehouse_name", "at least one value to be changed is required")
        key = call_key(caller, "open.warehouse.update", params)
        return JsonAnswer(await book.update(caller.vender_id, w_id, values, key))

    return [
        Route("/warehouses", search, methods=["GET"]),
        Route("/warehouses", create, methods=["POST"]),
        Route("/warehouses/{w_id}", get, methods=["GET"]),
        Route("/warehouses/{w_id}", update, methods=["POST"]),
    ]


def _w_id(arguments: Arguments) -> int:
    return arguments.needed_integer("w_id", low=1, high=SMALLINT)


def _values(arguments: Arguments) -> dict[str, object]:
    """The columns that were sent."""
    values: dict[str, object | None] = {
        name: arguments.text(name, max_length=max_length) for name, max_length in _TEXTS.items()
    }
    if arguments.has("warehouse_name"):
        values["warehouse_name"] = arguments.needed_text("warehouse_name", max_length=10)
    values |= {name: arguments.integer(name, low=1, high=SMALLINT) for name in _PLACES}
    values["warehouse_status"] = arguments.integer("status", low=0, high=1)
    return {name: value for name, value in values.items() if value is not None}
