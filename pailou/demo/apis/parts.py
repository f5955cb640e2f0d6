"""What the demo's APIs are made of: a mapping with its example, and schemas of parameters that several of them have."""

from dataclasses import dataclass
from typing import Any

import orjson

from admin_api.apis.service.mappings import MappingDraft

Schema = dict[str, Any]

ORDER_ID: Schema = {"type": "integer", "minimum": 1, "description": "订单号"}
KEY: Schema = {"type": "string", "maxLength": 128, "description": "幂等键：同一键只执行一次"}
TIME: Schema = {"type": "string", "description": "yyyy-MM-dd HH:mm:ss，GMT+8"}
REASON: Schema = {"type": "string", "maxLength": 200, "description": "原因"}
W_ID: Schema = {"type": "integer", "minimum": 1, "maximum": 32767, "description": "仓库"}
WAREHOUSE_SN: Schema = {"type": "string", "maxLength": 5, "description": "仓库编码"}
PAGE_NO: Schema = {"type": "integer", "minimum": 1, "default": 1, "description": "页码，从 1 开始"}


@dataclass(frozen=True, slots=True)
class Api:
    """A public API of the demo; example: business parameters that work for the demo's session."""

    mapping: MappingDraft
    example: dict[str, str]


def parameters(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """The JSON Schema of business parameters."""
    return {"type": "object", "properties": properties, "required": list(required)}


def page(default_size: int = 20) -> dict[str, Schema]:
    """page_no and page_size."""
    size = {"type": "integer", "minimum": 1, "maximum": 100, "default": default_size, "description": "每页条数"}
    return {"page_no": PAGE_NO, "page_size": size}


def json_text(value: object) -> str:
    """A parameter that is JSON text."""
    return orjson.dumps(value).decode()
