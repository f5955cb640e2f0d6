"""/sysparams: the system parameters that every call must carry."""

from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apis.repository import ParamListing, list_params
from admin_api.apis.service.params import (
    PROTOCOL_PARAMS,
    ParamDraft,
    ParamEdit,
    create_param,
    delete_param,
    edit_param,
)
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED, PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.apis import api_systemparam
from admin_api.tables.rows import fetch_row
from admin_api.tables.shapes import Id

_FORM = "params/form.html"
_HOME = "/sysparams"


def param_pages(parts: Parts) -> APIRouter:
    """The list, and one parameter's form."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    @router.get(_HOME, openapi_extra=needs("gw:param:list"))
    async def params(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(ParamListing, request.query_params, size=view.page_size)
        async with parts.database.read() as connection:
            rows, total = await list_params(connection, listing)
        state = ListState(_HOME, listing, total, default_size=view.page_size)
        return await console.page(request, "params/list.html", state=state, rows=rows, fixed=PROTOCOL_PARAMS)

    @router.get(_HOME + "/new", openapi_extra=needs("gw:param:add"))
    async def new_param(request: Request) -> Response:
        return await console.page(request, "params/edit.html", param=None, values={"state": 1}, key=uuid4().hex)

    @router.post(_HOME, openapi_extra=needs("gw:param:add"))
    async def add_param(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(ParamDraft, sent)
            await desk.create_row(draft, lambda change: create_param(change, draft))
        except REFUSED as error:
            key = request.headers.get("idempotency-key", "")
            return await console.form_again(request, _FORM, error, values=sent, param=None, key=key)
        return await console.done(request, in_force=desk.in_force, leads_to=_HOME)

    @router.get(_HOME + "/{param_id}", openapi_extra=needs("gw:param:query"))
    async def param(param_id: Id, request: Request) -> Response:
        async with parts.database.read() as connection:
            row = await fetch_row(connection, api_systemparam, param_id)
        is_fixed = row["name"] in PROTOCOL_PARAMS
        return await console.page(request, "params/edit.html", param=row, values=row, key="", is_fixed=is_fixed)

    @router.post(_HOME + "/{param_id}", openapi_extra=needs("gw:param:edit"))
    async def change_param(param_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(ParamEdit, sent)
            await desk.change(lambda change: edit_param(change, param_id, edit))
        except REFUSED as error:
            async with parts.database.read() as connection:
                row = await fetch_row(connection, api_systemparam, param_id)
            return await console.form_again(request, _FORM, error, values=sent, param=row, key="")
        return await console.done(request, in_force=desk.in_force, leads_to=_HOME)

    @router.post(_HOME + "/{param_id}/delete", openapi_extra=needs("gw:param:remove"))
    async def remove_param(param_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_param(change, param_id))
        return await console.done(request, in_force=desk.in_force, leads_to=_HOME)

    return router
