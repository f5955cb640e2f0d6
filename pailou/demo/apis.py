"""The route table of the demo: every public API of the two business services, with its schema, an answer, and working parameters."""

from typing import Any

import orjson

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.world import CANCEL_ORDER, DEDUCT_ORDER, LOCK_ORDER, OPEN_ORDER

Schema = dict[str, Any]

_PAGE: Schema = {
    "page_no": {"type": "integer", "minimum": 1, "default": 1, "description": "页码，从 1 开始"},
    "page_size": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20, "description": "每页条数"},
}
_ORDER_ID: Schema = {"type": "integer", "minimum": 1, "description": "订单号"}
_KEY: Schema = {"type": "string", "maxLength": 128, "description": "幂等键：同一键只执行一次"}
_TIME: Schema = {"type": "string", "description": "yyyy-MM-dd HH:mm:ss，GMT+8"}
_HELD: Schema = {"order_id": LOCK_ORDER, "items": [{"product_id": 10001, "w_id": 1, "cnt": 2}]}


def _parameters(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


MAPPINGS = (
    MappingDraft(
        gateway_api_name="open.order.search",
        service_id="order-service",
        inside_api_url="/orders",
        description="订单搜索：按时间、状态、买家、订单号、商品查询，按修改时间排序。",
        idempotents=True,
        api_group="订单",
        request_schema=_parameters(
            **_PAGE,
            start_time=_TIME,
            end_time=_TIME,
            time_type={"type": "string", "enum": ["created", "modified"], "default": "modified"},
            state={"type": "integer", "minimum": 1, "maximum": 6, "description": "订单状态"},
            pin={"type": "string", "maxLength": 50, "description": "买家账号"},
            order_ids={"type": "string", "description": "订单号，逗号分隔，最多 100 个"},
            sku_id={"type": "integer", "minimum": 1, "description": "商品"},
            fields={"type": "string", "description": "返回的字段，逗号分隔"},
        ),
        response_example={
            "orders": [{"order_id": OPEN_ORDER, "state": 2, "should_pay": 0, "modified": "2026-07-31 10:20:30"}],
            "total_results": 1,
            "page_no": 1,
            "page_size": 20,
        },
    ),
    MappingDraft(
        gateway_api_name="open.order.get",
        service_id="order-service",
        inside_api_url="/orders/{order_id}",
        description="订单详情：订单、商品行、优惠。",
        idempotents=True,
        api_group="订单",
        request_schema=_parameters(("order_id",), order_id=_ORDER_ID),
        response_example={
            "order": {
                "order_id": OPEN_ORDER,
                "state": 2,
                "order_sum": 16800,
                "items": [{"sku_id": 10001, "sku_name": "普洱熟茶 357g 饼", "num": 1, "price": 16800}],
                "coupons": [],
            }
        },
    ),
    MappingDraft(
        gateway_api_name="open.order.cancel",
        service_id="order-service",
        inside_api_url="/orders/{order_id}/cancel",
        http_method="POST",
        description="取消订单：释放占用的库存；重复调用结果相同。",
        idempotents=True,
        api_group="订单",
        request_schema=_parameters(
            ("order_id", "reason"),
            order_id=_ORDER_ID,
            reason={"type": "string", "maxLength": 200, "description": "取消原因"},
            idempotency_key=_KEY,
        ),
        response_example={"order": {"order_id": CANCEL_ORDER, "state": 6, "modified": "2026-07-31 10:20:30"}},
    ),
    MappingDraft(
        gateway_api_name="open.warehouse.search",
        service_id="warehouse-service",
        inside_api_url="/warehouses",
        description="仓库查询：商家自己的仓库。",
        idempotents=True,
        api_group="仓储",
        request_schema=_parameters(
            **_PAGE, status={"type": "integer", "enum": [0, 1], "description": "0 停用，1 启用"}
        ),
        response_example={
            "warehouses": [{"w_id": 1, "warehouse_sn": "KM001", "warehouse_name": "昆明中心仓", "warehouse_status": 1}],
            "total_results": 1,
            "page_no": 1,
            "page_size": 20,
        },
    ),
    MappingDraft(
        gateway_api_name="open.stock.get",
        service_id="warehouse-service",
        inside_api_url="/stock",
        description="库存查询：在库、占用、在途、可用、平均成本；product_ids、w_id、warehouse_sn 至少给一个。",
        idempotents=True,
        api_group="仓储",
        request_schema=_parameters(
            **_PAGE,
            product_ids={"type": "string", "description": "商品，逗号分隔，最多 100 个"},
            w_id={"type": "integer", "minimum": 1, "description": "仓库"},
            warehouse_sn={"type": "string", "maxLength": 5, "description": "仓库编码"},
        ),
        response_example={
            "stocks": [{"product_id": 10001, "w_id": 1, "current_cnt": 400, "lock_cnt": 2, "available_cnt": 398}],
            "total_results": 1,
            "page_no": 1,
            "page_size": 100,
        },
    ),
    MappingDraft(
        gateway_api_name="open.stock.lock",
        service_id="warehouse-service",
        inside_api_url="/stock/lock",
        http_method="POST",
        description="占用库存：为订单占用全部商品行，或一行也不占用。",
        api_group="仓储",
        request_schema=_parameters(
            ("order_id", "items"),
            order_id=_ORDER_ID,
            items={"type": "string", "description": 'JSON：[{"product_id":10001,"warehouse_sn":"KM001","cnt":2}]'},
            idempotency_key=_KEY,
        ),
        response_example=_HELD,
    ),
    MappingDraft(
        gateway_api_name="open.stock.unlock",
        service_id="warehouse-service",
        inside_api_url="/stock/unlock",
        http_method="POST",
        description="释放库存：订单占用的全部，或 items 指定的商品。",
        api_group="仓储",
        request_schema=_parameters(
            ("order_id",),
            order_id=_ORDER_ID,
            items={"type": "string", "description": 'JSON：[{"product_id":10001,"cnt":1}]，缺省为全部'},
            idempotency_key=_KEY,
        ),
        response_example=_HELD,
    ),
    MappingDraft(
        gateway_api_name="open.stock.deduct",
        service_id="warehouse-service",
        inside_api_url="/stock/deduct",
        http_method="POST",
        description="扣减库存：订单占用的商品出库。",
        api_group="仓储",
        request_schema=_parameters(("order_id",), order_id=_ORDER_ID, idempotency_key=_KEY),
        response_example=_HELD | {"order_id": DEDUCT_ORDER},
    ),
)

EXAMPLES: dict[str, dict[str, str]] = {
    "open.order.search": {"state": "2", "page_no": "1", "page_size": "10"},
    "open.order.get": {"order_id": str(OPEN_ORDER)},
    "open.order.cancel": {"order_id": str(CANCEL_ORDER), "reason": "买家不想要了"},
    "open.warehouse.search": {"status": "1"},
    "open.stock.get": {"product_ids": "10001,10002"},
    "open.stock.lock": {
        "order_id": str(LOCK_ORDER),
        "items": orjson.dumps([{"product_id": 10001, "warehouse_sn": "KM001", "cnt": 2}]).decode(),
    },
    "open.stock.unlock": {"order_id": str(LOCK_ORDER)},
    "open.stock.deduct": {"order_id": str(DEDUCT_ORDER)},
}
"""Business parameters that work for the demo's session, any number of times."""
