"""/health: every service, gateway and queue at once."""

from fastapi import APIRouter

from admin_api.health.service.overview import Health, HealthView
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs


def health_routes_of_platform(health: Health) -> APIRouter:
    """The route of the health screen."""
    router = APIRouter(tags=["健康与任务"], route_class=GuardedRoute)

    @router.get("/health", openapi_extra=needs("sys:health:view"))
    async def get_health() -> HealthView:
        """What is down is part of the answer, never an error of it."""
        return await health.look()

    return router
