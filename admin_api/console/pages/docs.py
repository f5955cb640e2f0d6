"""/api/docs: the operations of the JSON API, for who is signed in."""

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from admin_api.console.api_docs import operations
from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.security.openapi import OPENAPI_PATH
from admin_api.security.permissions import SIGNED_IN, needs

DOCS_PATH = "/api/docs"


def docs_pages(parts: Parts) -> APIRouter:
    """The page of the API's documentation."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(DOCS_PATH, openapi_extra=needs(SIGNED_IN))
    async def docs(request: Request) -> Response:
        document = request.app.openapi()
        view = await parts.console.views.of(request)
        return await parts.console.page(
            request,
            "docs/operations.html",
            described=document["info"].get("description", ""),
            document_url=OPENAPI_PATH,
            operations=Markup(operations(document, view.say)),  # noqa: S704  # api_docs escapes every value
        )

    return router
