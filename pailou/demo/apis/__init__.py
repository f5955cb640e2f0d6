"""The route table of the demo: every public API of the two business services, with its schema, an answer, and working parameters."""

from collections.abc import Mapping

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.apis.orders import ORDER_APIS
from pailou.demo.apis.stock import STOCK_APIS
from pailou.demo.apis.warehouses import WAREHOUSE_APIS

_APIS = (*ORDER_APIS, *WAREHOUSE_APIS, *STOCK_APIS)

MAPPINGS: tuple[MappingDraft, ...] = tuple(api.mapping for api in _APIS)

EXAMPLES: Mapping[str, dict[str, str]] = {api.mapping.gateway_api_name: api.example for api in _APIS}
"""Business parameters that work for the demo's session, again and again. Where a change would only work once, they carry an
idempotency_key, and the services answer as they did the first time for as long as they keep answers: a week."""
