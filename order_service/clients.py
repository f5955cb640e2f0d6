"""What order_service asks of the others: only warehouse_service, to release stock or to deduct it."""

import secrets
from typing import Protocol

from openplatform.service_client import ServiceClient

WAREHOUSE_SERVICE_ID = "warehouse-service"


class OnBehalf(Protocol):
    """For which order, and on whose behalf: order_service.repository.Intent says it."""

    @property
    def vender_id(self) -> int: ...
    @property
    def order_id(self) -> int: ...
    @property
    def app_key(self) -> str: ...
    @property
    def request_id(self) -> str: ...


class WarehouseClient:
    """Stock, as far as orders need it. Both calls may be repeated at will.

    Both raise UpstreamFailed when warehouse_service cannot be asked within deadline_s seconds, ServiceRejected when it refuses.
    """

    def __init__(self, services: ServiceClient) -> None:
        self._services = services

    async def release(self, order: OnBehalf, deadline_s: float) -> None:
        """Releases everything that the order holds, and holds nothing for it ever after; nothing held is fine."""
        await self._post("/stock/release", "open.order.cancel", order, deadline_s)

    async def deduct(self, order: OnBehalf, deadline_s: float) -> None:
        """Everything that the order holds leaves. Raises ServiceRejected `isv.stock-not-held` when it holds nothing."""
        await self._post("/stock/deduct", "open.order.ship", order, deadline_s)

    async def _post(self, path: str, api_name: str, order: OnBehalf, deadline_s: float) -> None:
        body = {"order_id": str(order.order_id)}
        headers = {
            "X-Vender-Id": str(order.vender_id),
            "X-App-Key": order.app_key.encode("ascii", "replace").decode(),
            "X-Api-Name": api_name,
            # A new id for each attempt: the warehouse must look again, and not repeat what it answered before.
            "X-Request-Id": f"{order.request_id[:48].encode('ascii', 'replace').decode()}/{secrets.token_hex(4)}",
        }
        await self._services.post(
            WAREHOUSE_SERVICE_ID, path, body, headers=headers, deadline_s=deadline_s, idempotent=True
        )
