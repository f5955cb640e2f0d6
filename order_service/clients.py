"""What order_service asks of the others: only warehouse_service, and only to release stock."""

import secrets

from openplatform.service_client import ServiceClient

WAREHOUSE_SERVICE_ID = "warehouse-service"


class WarehouseClient:
    """Stock, as far as orders need it."""

    def __init__(self, services: ServiceClient) -> None:
        self._services = services

    async def release(self, *, vender_id: int, order_id: int, app_key: str, request_id: str, deadline_s: float) -> None:
        """Releases everything that the order holds; nothing held is fine, so it may be repeated at will.

        Raises UpstreamFailed when warehouse_service cannot be asked in time, ServiceRejected when it refuses.
        """
        headers = {
            "X-Vender-Id": str(vender_id),
            "X-App-Key": app_key.encode("ascii", "replace").decode(),
            "X-Api-Name": "open.order.cancel",
            # A new id for each attempt: the warehouse must look again, and not repeat what it answered before.
            "X-Request-Id": f"{request_id[:48].encode('ascii', 'replace').decode()}/{secrets.token_hex(4)}",
        }
        await self._services.post(
            WAREHOUSE_SERVICE_ID,
            "/stock/release",
            {"order_id": str(order_id)},
            headers=headers,
            deadline_s=deadline_s,
            idempotent=True,
        )
