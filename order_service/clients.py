"""What order_service asks of the others: only warehouse_service, to release stock or to deduct it."""

import secrets

from openplatform.service_client import ServiceClient

WAREHOUSE_SERVICE_ID = "warehouse-service"


class WarehouseClient:
    """Stock, as far as orders need it. Both calls may be repeated at will.

    Both raise UpstreamFailed when warehouse_service cannot be asked in time, ServiceRejected when it refuses.
    """

    def __init__(self, services: ServiceClient) -> None:
        self._services = services

    async def release(self, *, vender_id: int, order_id: int, app_key: str, request_id: str, deadline_s: float) -> None:
        """Releases everything that the order holds, and holds nothing for it ever after; nothing held is fine."""
        headers = _headers(vender_id, app_key, "open.order.cancel", request_id)
        await self._post("/stock/release", order_id, headers, deadline_s)

    async def deduct(self, *, vender_id: int, order_id: int, app_key: str, request_id: str, deadline_s: float) -> None:
        """Everything that the order holds leaves. Raises ServiceRejected `isv.stock-not-held` when it holds nothing."""
        headers = _headers(vender_id, app_key, "open.order.ship", request_id)
        await self._post("/stock/deduct", order_id, headers, deadline_s)

    async def _post(self, path: str, order_id: int, headers: dict[str, str], deadline_s: float) -> None:
        body = {"order_id": str(order_id)}
        await self._services.post(
            WAREHOUSE_SERVICE_ID, path, body, headers=headers, deadline_s=deadline_s, idempotent=True
        )


def _headers(vender_id: int, app_key: str, api_name: str, request_id: str) -> dict[str, str]:
    return {
        "X-Vender-Id": str(vender_id),
        "X-App-Key": app_key.encode("ascii", "replace").decode(),
        "X-Api-Name": api_name,
        # A new id for each attempt: the warehouse must look again, and not repeat what it answered before.
        "X-Request-Id": f"{request_id[:48].encode('ascii', 'replace').decode()}/{secrets.token_hex(4)}",
    }
