"""/mappings/new and /mappings/{id}: one public API; before a change comes into force its page says what it will do."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apis.repository import mapping_named
from admin_api.apis.service.mappings import MappingDraft, MappingEdit, create_mapping, edit_mapping, purge_cache
from admin_api.apis.service.preview import preview_draft, preview_edit
from admin_api.console.catalogues import N_
from admin_api.console.forms import field_errors, parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.mapping_fields import LABELS, documents_of, values_of
from admin_api.console.parts import Parts
from admin_api.console.views import View
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem, problem_of
from admin_api.tables.apis import app_mapping
from admin_api.tables.rows import RowStale, ValueTaken, fetch_row
from admin_api.tables.shapes import Id

_FORM = "mappings/form.html"


def one_mapping_pages(parts: Parts) -> APIRouter:
    """The pages of one API. Its form is sent twice: the first answer shows what would change, the second time it is made."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    def around(view: View, action: str) -> dict[str, Any]:
        may_save = view.may("gw:mapping:add" if action == "/mappings" else "gw:mapping:edit")
        labels = {name: view.say(label) for name, label in LABELS.items()}
        return {"labels": labels, "preview": None, "check_url": f"{action}/check" if may_save else ""}

    async def shown(request: Request, template: str, **values: Any) -> Response:
        view = await console.views.of(request)
        return console.render(request, view, template, **(around(view, values["action"]) | values))

    async def again(request: Request, error: Exception, **values: Any) -> Response:
        view = await console.views.of(request)
        values = around(view, values["action"]) | values
        return await console.form_again(request, _FORM, problem_of(error), **values)

    @router.get("/mappings/new", openapi_extra=needs("gw:mapping:add"))
    async def new_mapping(request: Request) -> Response:
        default = {name: field.default for name, field in MappingDraft.model_fields.items() if not field.is_required()}
        return await shown(
            request, "mappings/edit.html", mapping=None, values=values_of(default), action="/mappings", key=uuid4().hex
        )

    @router.post("/mappings", openapi_extra=needs("gw:mapping:add"))
    async def add_mapping(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        about = {"values": sent, "mapping": None, "action": "/mappings", "key": sent.get("key") or uuid4().hex}
        try:
            draft = parse(MappingDraft, sent, **documents_of(sent))
            if not sent.get("confirmed"):
                async with parts.database.read() as connection:
                    if await mapping_named(connection, draft.gateway_api_name):
                        raise ValueTaken(app_mapping.name, "gateway_api_name")
                return await shown(request, _FORM, preview=(preview_draft(draft), []), **about)
            made = await desk.create_row(draft, lambda change: create_mapping(change, draft))
        except (Problem, ValueTaken) as error:
            return await again(request, error, **about)
        return await console.done(request, in_force=desk.in_force, leads_to=f"/mappings/{made}")

    @router.post("/mappings/check/{field}", openapi_extra=needs("gw:mapping:add"))
    @router.post("/mappings/{mapping_id}/check/{field}", openapi_extra=needs("gw:mapping:edit"))
    async def check(field: str, request: Request) -> Response:
        """What is wrong with one field of the form, as saving would say; empty when nothing is."""
        view, sent = await console.views.of(request), await sent_form(request)
        own = {
            name: sent[name] for name in (field, "breaker.own") if name in sent
        }  # other documents' faults must not hide its own
        errors = {}
        try:
            parse(MappingDraft, sent, **documents_of(own))
        except Problem as error:
            errors = field_errors(error, view.say, sent)
        if field == "gateway_api_name" and field not in errors:
            async with parts.database.read() as connection:
                if await mapping_named(connection, str(sent.get(field, ""))):
                    errors = field_errors(problem_of(ValueTaken(app_mapping.name, field)), view.say)
        return console.render(request, view, "field_error.html", error=errors.get(field, ""))

    @router.get("/mappings/{mapping_id}", openapi_extra=needs("gw:mapping:query"))
    async def mapping(mapping_id: Id, request: Request) -> Response:
        async with parts.database.read() as connection:
            row = await fetch_row(connection, app_mapping, mapping_id)
        return await shown(
            request, "mappings/edit.html", mapping=row, values=values_of(row), action=f"/mappings/{mapping_id}", key=""
        )

    @router.get("/mappings/{mapping_id}/in-force", openapi_extra=needs("gw:mapping:query"))
    async def in_force(mapping_id: Id, request: Request) -> Response:
        async with parts.database.read() as connection:
            row = await fetch_row(connection, app_mapping, mapping_id)
        reached = await parts.health.reached("route", row["gateway_api_name"])
        return await console.page(request, "in_force.html", reached=reached)

    @router.post("/mappings/{mapping_id}", openapi_extra=needs("gw:mapping:edit"))
    async def change_mapping(mapping_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        async with parts.database.read() as connection:
            row = await fetch_row(connection, app_mapping, mapping_id)
        about = {"values": sent, "mapping": row, "action": f"/mappings/{mapping_id}", "key": ""}
        try:
            edit = parse(MappingEdit, sent, **documents_of(sent))
            if not sent.get("confirmed"):
                async with parts.database.read() as connection:
                    _, changes, consequences = await preview_edit(connection, mapping_id, edit)
                return await shown(request, _FORM, preview=(changes, consequences), **about)
            await desk.change(lambda change: edit_mapping(change, mapping_id, edit))
        except (Problem, RowStale) as error:
            return await again(request, error, **about)
        return await console.done(request, N_("Saved."), in_force=desk.in_force, leads_to=f"/mappings/{mapping_id}")

    @router.post("/mappings/{mapping_id}/purge-cache", openapi_extra=needs("gw:mapping:edit"))
    async def purge(mapping_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: purge_cache(change, mapping_id))
        return await console.done(request, in_force=desk.in_force, leads_to=f"/mappings/{mapping_id}")

    return router
