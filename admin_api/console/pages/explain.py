"""/try/explain: the sign debugger: a failing request is pasted, the page says which rule it breaks."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apps.service.explain import explain_pasted
from admin_api.console.forms import sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem

PATH = "/try/explain"


def explain_pages(parts: Parts) -> APIRouter:
    """The pages of the sign debugger; nothing is sent and nothing is counted."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    @router.get(PATH, openapi_extra=needs("gw:try"))
    async def ask(request: Request) -> Response:
        return await console.page(request, "explain/explain.html", told=None)

    @router.post(PATH, openapi_extra=needs("gw:try"))
    async def tell(request: Request) -> Response:
        sent = await sent_form(request)
        try:
            async with parts.database.read() as connection:
                told = await explain_pasted(connection, parts.seal, str(sent.get("request", "")), parts.changes.now())
        except Problem as problem:
            return await console.form_again(request, "explain/form.html", problem, values=sent, told=None)
        return await console.page(request, "explain/form.html", values=sent, told=told)

    return router
