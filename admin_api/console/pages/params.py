"""/sysparams: the system parameters that every call must carry."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apis.repository import ParamListing, fetch_param, list_params
from admin_api.apis.service.params import (
    RULED_BY_PROTOCOL,
    ParamDraft,
    ParamEdit,
    create_param,
    delete_param,
    edit_param,
)
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED, PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id
from openplatform.protocol import ALWAYS_REQUIRED, SYSTEM_PARAMS, parse_timestamp
from openplatform.protocol.timestamps import format_timestamp

_FORM = "params/form.html"
_HOME = "/sysparams"
_TYPES = {
    "string": N_("Text"), "integer": N_("Whole number"), "number": N_("Any number"), "boolean": N_("true or false"),
    "timestamp": N_("Time"), "choice": N_("One of a list"),
}  # fmt: skip
"""Type → its name for readers."""
_KNOWN: dict[str, Any] = {"types": _TYPES, "fixed": ALWAYS_REQUIRED, "ruled": RULED_BY_PROTOCOL, "named": SYSTEM_PARAMS}


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
        return await console.page(request, "params/list.html", state=state, rows=rows, **_KNOWN)

    @router.get(_HOME + "/new", openapi_extra=needs("gw:param:add"))
    async def new_param(request: Request) -> Response:
        return await console.page(
            request, "params/edit.html", param=None, values={"state": 1}, key=uuid4().hex, **_KNOWN
        )

    @router.post(_HOME, openapi_extra=needs("gw:param:add"))
    async def add_param(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(ParamDraft, sent, **_given(sent))
            await desk.create_row(draft, lambda change: create_param(change, draft))
        except REFUSED as error:
            key = request.headers.get("idempotency-key", "")
            return await console.form_again(request, _FORM, error, values=sent, param=None, key=key, **_KNOWN)
        return await console.done(request, in_force=desk.in_force, leads_to=_HOME)

    @router.get(_HOME + "/default", openapi_extra=needs("gw:param:list"))
    async def default_field(request: Request) -> Response:
        """The input of the default, as the type that was chosen wants it."""
        return await console.page(request, "params/default.html", values=dict(request.query_params))

    @router.get(_HOME + "/{param_id}", openapi_extra=needs("gw:param:query"))
    async def param(param_id: Id, request: Request) -> Response:
        async with parts.database.read() as connection:
            row = await fetch_param(connection, param_id)
        return await console.page(request, "params/edit.html", param=row, values=_shown(row), key="", **_KNOWN)

    @router.post(_HOME + "/{param_id}", openapi_extra=needs("gw:param:edit"))
    async def change_param(param_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(ParamEdit, sent, **_given(sent))
            await desk.change(lambda change: edit_param(change, param_id, edit))
        except REFUSED as error:
            async with parts.database.read() as connection:
                row = await fetch_param(connection, param_id)
            return await console.form_again(request, _FORM, error, values=sent, param=row, key="", **_KNOWN)
        return await console.done(request, in_force=desk.in_force, leads_to=_HOME)

    @router.post(_HOME + "/{param_id}/delete", openapi_extra=needs("gw:param:remove"))
    async def remove_param(param_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_param(change, param_id))
        return await console.done(request, in_force=desk.in_force, leads_to=_HOME)

    return router


def _shown(row: Row) -> Row:
    """The row as the form's inputs hold it."""
    default = row["default_value"]
    if row["value_type"] == "timestamp" and default:
        default = format_timestamp(parse_timestamp(default)).replace(" ", "T")
    return {**row, "choices": "\n".join(row["choices"]), "default_value": default}


def _given(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Choices and default out of what was sent; nothing of a parameter whose form has none."""
    if "value_type" not in sent:
        return {}
    kind, default = sent["value_type"], str(sent.get("default_value", ""))
    if kind == "timestamp" and "T" in default:  # a browser's; seconds that are 0 it leaves out
        default = default.replace("T", " ") + (":00" if len(default) == 16 else "")
    lines = str(sent.get("choices", "")).splitlines() if kind == "choice" else []
    return {"choices": [line.strip() for line in lines if line.strip()], "default_value": default}
