"""open.warehouse.*: the merchant's warehouses."""

from typing import Any

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.apis.parts import KEY, W_ID, WAREHOUSE_SN, Api, Schema, page, parameters

_STATUS: Schema = {"type": "integer", "enum": [0, 1], "description": "0 停用，1 启用"}
_REGION: Schema = {"type": "integer", "minimum": 1, "maximum": 32767, "description": "地区编号"}
_CONTENT: dict[str, Schema] = {
    "warehouse_name": {"type": "string", "maxLength": 10, "description": "名称"},
    "warehouse_phone": {"type": "string", "maxLength": 20, "description": "电话"},
    "contact": {"type": "string", "maxLength": 10, "description": "联系人"},
    "province": _REGION,
    "city": _REGION,
    "district": _REGION,
    "address": {"type": "string", "maxLength": 100, "description": "地址"},
    "status": _STATUS,
    "idempotency_key": KEY,
}
_KUNMING: dict[str, Any] = {
    "w_id": 1,
    "warehouse_sn": "KM001",
    "warehouse_name": "昆明中心仓",
    "contact": "陈立",
    "warehouse_status": 1,
    "modified_time": "2026-07-31 10:20:30",
}

WAREHOUSE_APIS = (
    Api(
        MappingDraft(
            gateway_api_name="open.warehouse.search",
            service_id="warehouse-service",
            inside_api_url="/warehouses",
            description="仓库查询：商家自己的仓库，可按状态、编码。",
            idempotents=True,
            api_group="仓储",
            request_schema=parameters(**page(), status=_STATUS, warehouse_sn=WAREHOUSE_SN),
            response_example={"warehouses": [_KUNMING], "total_results": 1, "page_no": 1, "page_size": 20},
        ),
        {"status": "1"},
    ),
    Api(
        MappingDraft(
            gateway_api_name="open.warehouse.get",
            service_id="warehouse-service",
            inside_api_url="/warehouses/{w_id}",
            description="仓库详情；结果缓存 30 秒。",
            idempotents=True,
            cache_ttl_s=30,
            api_group="仓储",
            request_schema=parameters(("w_id",), w_id=W_ID),
            response_example={"warehouse": _KUNMING},
        ),
        {"w_id": "1"},
    ),
    Api(
        MappingDraft(
            gateway_api_name="open.warehouse.create",
            service_id="warehouse-service",
            inside_api_url="/warehouses",
            http_method="POST",
            description="新建仓库：编码全平台唯一，1 到 5 位字母、数字、-、_，建后不可改。",
            api_group="仓储",
            request_schema=parameters(("warehouse_sn", "warehouse_name"), warehouse_sn=WAREHOUSE_SN, **_CONTENT),
            response_example={
                "warehouse": _KUNMING | {"w_id": 4, "warehouse_sn": "DL001", "warehouse_name": "大理分仓"}
            },
        ),
        {
            "warehouse_sn": "DL001",
            "warehouse_name": "大理分仓",
            "contact": "和平",
            "idempotency_key": "demo-create-DL001",
        },
    ),
    Api(
        MappingDraft(
            gateway_api_name="open.warehouse.update",
            service_id="warehouse-service",
            inside_api_url="/warehouses/{w_id}",
            http_method="POST",
            description="修改仓库：只改所给的字段；停用后不能再占用其库存。",
            idempotents=True,
            api_group="仓储",
            request_schema=parameters(("w_id",), w_id=W_ID, **_CONTENT),
            response_example={"warehouse": _KUNMING},
        ),
        {"w_id": "1", "contact": "陈立"},
    ),
)
