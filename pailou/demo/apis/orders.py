"""open.order.*: the merchant's orders."""

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.apis.parts import KEY, ORDER_ID, REASON, TIME, Api, page, parameters
from pailou.demo.world import CANCEL_ORDER, OPEN_ORDER

ORDER_APIS = (
    Api(
        MappingDraft(
            gateway_api_name="open.order.search",
            service_id="order-service",
            inside_api_url="/orders",
            description="订单搜索：按时间、状态、买家、订单号、商品查询，按修改时间排序。",
            idempotents=True,
            api_group="订单",
            request_schema=parameters(
                **page(),
                start_time=TIME,
                end_time=TIME,
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
            gateway_api_name="open.order.cancel",
            service_id="order-service",
            inside_api_url="/orders/{order_id}/cancel",
            http_method="POST",
            description="取消订单：释放占用的库存；重复调用结果相同。",
            idempotents=True,
            api_group="订单",
            request_schema=parameters(
                ("order_id", "reason"),
                order_id=ORDER_ID,
                reason=REASON,
                idempotency_key=KEY,
            ),
            response_example={"order": {"order_id": CANCEL_ORDER, "state": 6, "modified": "2026-07-31 10:20:30"}},
        ),
        {"order_id": str(CANCEL_ORDER), "reason": "买家不想要了"},
    ),
)
