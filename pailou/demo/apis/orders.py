"""open.order.*: the merchant's orders."""

from typing import Any

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.apis.parts import KEY, ORDER_ID, REASON, TIME, Api, Schema, page, parameters
from pailou.demo.world import CANCEL_ORDER, OPEN_ORDER, RECEIVED_ORDER, SHIP_ORDER

_CURSOR: Schema = {"type": "string", "maxLength": 200, "description": "上一页返回的 next_cursor"}
_FIELDS: Schema = {"type": "string", "description": "返回的字段，逗号分隔"}
_WHEN = "2026-07-31 10:20:30"


def _change(
    name: str,
    path: str,
    description: str,
    properties: dict[str, Schema],
    order: dict[str, Any],
    example: dict[str, str],
    *,
    optional: tuple[str, ...] = (),
    repeatable: bool = False,
) -> Api:
    """A change of one order, made by POST on a path below it."""
    required = tuple(sorted({"order_id", *properties} - set(optional)))
    return Api(
        MappingDraft(
            gateway_api_name=name,
            service_id="order-service",
            inside_api_url=f"/orders/{{order_id}}/{path}",
            http_method="POST",
            description=description,
            idempotents=repeatable,
            api_group="订单",
            request_schema=parameters(required, order_id=ORDER_ID, **properties, idempotency_key=KEY),
            response_example={"order": order | {"modified": _WHEN}},
        ),
        example,
    )


ORDER_APIS = (
    Api(
        MappingDraft(
            gateway_api_name="open.order.search",
            service_id="order-service",
            inside_api_url="/orders",
            description="订单搜索：按时间、状态、买家、订单号、商品查询，按修改时间排序；翻页用 page_no 或 cursor。",
            idempotents=True,
            needfee=True,
            price_fen=2,
            api_group="订单",
            request_schema=parameters(
                **page(),
                cursor=_CURSOR,
                start_time=TIME,
                end_time=TIME,
                time_type={"type": "string", "enum": ["created", "modified"], "default": "modified"},
                state={"type": "integer", "minimum": 1, "maximum": 6, "description": "订单状态"},
                pin={"type": "string", "maxLength": 50, "description": "买家账号"},
                order_ids={"type": "string", "description": "订单号，逗号分隔，最多 100 个"},
                sku_id={"type": "integer", "minimum": 1, "description": "商品"},
                fields=_FIELDS,
            ),
            response_example={
                "orders": [{"order_id": OPEN_ORDER, "state": 2, "should_pay": 0, "modified": _WHEN}],
                "total_results": 120,
                "page_no": 1,
                "page_size": 20,
                "next_cursor": "WyJzIiwx",
            },
        ),
        {"state": "2", "page_no": "1", "page_size": "10"},
    ),
    Api(
        MappingDraft(
            gateway_api_name="open.order.get",
            service_id="order-service",
            inside_api_url="/orders/{order_id}",
            description="订单详情：订单、商品行、优惠。",
            idempotents=True,
            api_group="订单",
            request_schema=parameters(("order_id",), order_id=ORDER_ID),
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
        {"order_id": str(OPEN_ORDER)},
    ),
    Api(
        MappingDraft(
            gateway_api_name="open.order.increment.get",
            service_id="order-service",
            inside_api_url="/orders/increment",
            description="增量订单：自 start_time 起变更过的订单；之后一直用返回的 next_cursor 继续，不漏不重。",
            idempotents=True,
            api_group="订单",
            request_schema=parameters(start_time=TIME, cursor=_CURSOR, page_size=page()["page_size"], fields=_FIELDS),
            response_example={
                "orders": [{"order_id": OPEN_ORDER, "state": 2, "modified": _WHEN}],
                "has_more": True,
                "next_cursor": "WyJpIiwx",
            },
        ),
        {"start_time": "2026-01-01 00:00:00", "page_size": "10", "fields": "order_id,state,modified"},
    ),
    _change(
        "open.order.state.update",
        "state",
        "订单状态变更：确认付款、售后、完成等；发货用 open.order.ship，取消用 open.order.cancel。",
        {"state": {"type": "integer", "minimum": 1, "maximum": 6, "description": "新状态"}, "reason": REASON},
        {"order_id": RECEIVED_ORDER, "state": 4},
        {"order_id": str(RECEIVED_ORDER), "state": "4", "reason": "买家已收货", "idempotency_key": "demo-complete"},
    ),
    _change(
        "open.order.ship",
        "ship",
        "发货：扣减订单占用的库存，记录承运商与运单号；重复调用结果相同。",
        {
            "carrier": {"type": "string", "maxLength": 50, "description": "承运商"},
            "waybill": {"type": "string", "maxLength": 40, "description": "运单号"},
            "reason": REASON,
        },
        {"order_id": SHIP_ORDER, "state": 3, "carrier": "顺丰速运", "carrier_id": "SF1234567890"},
        {"order_id": str(SHIP_ORDER), "carrier": "顺丰速运", "waybill": "SF1234567890"},
        optional=("reason",),
        repeatable=True,
    ),
    _change(
        "open.order.cancel",
        "cancel",
        "取消订单：释放占用的库存；重复调用结果相同。",
        {"reason": REASON},
        {"order_id": CANCEL_ORDER, "state": 6},
        {"order_id": str(CANCEL_ORDER), "reason": "买家不想要了"},
        repeatable=True,
    ),
    _change(
        "open.order.remark.update",
        "remark",
        "修改商家备注。",
        {"remark": {"type": "string", "maxLength": 200, "description": "备注"}},
        {"order_id": OPEN_ORDER, "remark": "周末送货"},
        {"order_id": str(OPEN_ORDER), "remark": "周末送货"},
        repeatable=True,
    ),
)
