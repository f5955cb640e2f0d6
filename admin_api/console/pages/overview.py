"""/: the first page."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.security.permissions import needs


def overview_pages(parts: Parts) -> APIRouter:
    """The overview."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/", openapi_extra=needs("dash:view"))
    async def overview(request: Request) -> Response:
        return await parts.console.page(request, "overview/overview.html")

    return router
