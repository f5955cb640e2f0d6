"""open.stock.*: what is there, held, on its way."""

from typing import Any

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.apis.parts import KEY, ORDER_ID, W_ID, WAREHOUSE_SN, Api, Schema, json_text, page, parameters
from pailou.demo.world import DEDUCT_ORDER, LOCK_ORDER

_WHICH: dict[str, Schema] = {
    "product_ids": {"type": "string", "description": "商品，逗号分隔，最多 100 个"},
    "w_id": W_ID,
    "warehouse_sn": WAREHOUSE_SN,
    "most_available": {"type": "integer", "minimum": 0, "description": "可用库存不多于"},
}
_REFERENCE: Schema = {"type": "string", "maxLength": 50, "description": "采购单号等，记入库存流水"}
_HELD: dict[str, Any] = {"order_id": LOCK_ORDER, "items": [{"product_id": 10001, "w_id": 1, "cnt": 2}]}
_STOCK: dict[str, Any] = {
    "product_id": 10001,
    "w_id": 1,
    "warehouse_sn": "KM001",
    "current_cnt": 400,
    "lock_cnt": 2,
    "in_transit_cnt": 40,
    "available_cnt": 398,
    "average_cost": "72.50",
    "modified_time": "2026-07-31 10:20:30",
}
_ARRIVED: dict[str, Any] = {"product_id": 10002, "w_id": 1, "cnt": 5, "in_transit_cnt": 40}


def _items(line: str) -> Schema:
    return {"type": "string", "description": f"JSON：[{line}]"}


def _reading(name: str, path: str, description: str, size: int, example: dict[str, str]) -> Api:
    return Api(
        MappingDraft(
            gateway_api_name=name,
            service_id="warehouse-service",
            inside_api_url=path,
            description=description,
            idempotents=True,
            api_group="仓储",
            request_schema=parameters(**page(size), **_WHICH),
            response_example={"stocks": [_STOCK], "total_results": 1, "page_no": 1, "page_size": size},
        ),
        example,
    )


def _change(
    name: str,
    description: str,
    required: tuple[str, ...],
    properties: dict[str, Schema],
    answer: dict[str, Any],
    example: dict[str, str],
    *,
    replay_guard: bool = False,
) -> Api:
    return Api(
        MappingDraft(
            gateway_api_name=name,
            service_id="warehouse-service",
            inside_api_url=f"/stock/{name.rpartition('.')[2]}",
            http_method="POST",
            description=description,
            api_group="仓储",
            request_schema=parameters(required, **properties, idempotency_key=KEY),
            response_example=answer,
            replay_guard=replay_guard,
        ),
        example,
    )


STOCK_APIS = (
    _reading(
        "open.stock.get",
        "/stock",
        "库存查询：在库、占用、在途、可用、平均成本；product_ids、w_id、warehouse_sn 至少给一个。",
        100,
        {"product_ids": "10001,10002"},
    ),
    _reading(
        "open.stock.search",
        "/stock/search",
        "库存搜索：商家的全部库存，可按商品、仓库、可用数量。",
        20,
        {"most_available": "1000"},
    ),
    _change(
        "open.stock.lock",
        "占用库存：为订单占用全部商品行，或一行也不占用。",
        ("order_id", "items"),
        {"order_id": ORDER_ID, "items": _items('{"product_id":10001,"warehouse_sn":"KM001","cnt":2}')},
        _HELD,
        {
            "order_id": str(LOCK_ORDER),
            "items": json_text([{"product_id": 10001, "warehouse_sn": "KM001", "cnt": 2}]),
        },
    ),
    _change(
        "open.stock.unlock",
        "释放库存：订单占用的全部，或 items 指定的商品。",
        ("order_id",),
        {"order_id": ORDER_ID, "items": _items('{"product_id":10001,"cnt":1}')},
        _HELD,
        {"order_id": str(LOCK_ORDER)},
    ),
    _change(
        "open.stock.deduct",
        "扣减库存：订单占用的商品出库。",
        ("order_id",),
        {"order_id": ORDER_ID},
        _HELD | {"order_id": DEDUCT_ORDER},
        {"order_id": str(DEDUCT_ORDER)},
    ),
    _change(
        "open.stock.inbound",
        "入库通知：商品在途；仓库没有的商品会加入。",
        ("items",),
        {"items": _items('{"product_id":10002,"warehouse_sn":"KM001","cnt":5}'), "reference": _REFERENCE},
        {"items": [_ARRIVED]},
        {
            "items": json_text([{"product_id": 10002, "warehouse_sn": "KM001", "cnt": 5}]),
            "reference": "PO-2026-001",
            "idempotency_key": "demo-inbound",
        },
    ),
    _change(
        "open.stock.receive",
        "收货：在途转在库，按移动加权平均更新成本；不能多于在途。同一签名只受理一次，重发须重新签名。",
        ("items",),
        {
            "items": _items('{"product_id":10002,"warehouse_sn":"KM001","cnt":5,"unit_cost":"52.80"}'),
            "reference": _REFERENCE,
        },
        {"items": [_ARRIVED | {"current_cnt": 405, "average_cost": "53.99"}]},
        {
            "items": json_text([{"product_id": 10002, "warehouse_sn": "KM001", "cnt": 5, "unit_cost": "52.80"}]),
            "reference": "PO-2026-001",
            "idempotency_key": "demo-receive",
        },
        replay_guard=True,
    ),
)
