"""/apps/{id}: what an application is; edited with its version, deleted after typing its key."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apps.repository.apps import fetch_app
from admin_api.apps.service.apps import AppEdit, delete_app, edit_app
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id


def add_detail_pages(router: APIRouter, parts: Parts) -> None:
    """The first tab."""
    console = parts.console

    @router.get("/{app_id}", openapi_extra=needs("gw:app:query"))
    async def app(app_id: Id, request: Request) -> Response:
        row = await app_of(parts, app_id)
        return await console.page(request, "apps/detail.html", app=row, values=row, tab="")

    @router.get("/{app_id}/in-force", openapi_extra=needs("gw:app:query"))
    async def in_force(app_id: Id, request: Request) -> Response:
        app = await app_of(parts, app_id)
        reached = await parts.health.reached("app", app["app_key"])
        return await console.page(request, "in_force.html", reached=reached)

    @router.post("/{app_id}", openapi_extra=needs("gw:app:edit"))
    async def edit(app_id: Id, request: Request, desk: AtDesk) -> Response:
        return await edited(parts, request, desk, app_id, "apps/edit_form.html", leads_to=f"/apps/{app_id}")

    @router.post("/{app_id}/remove", openapi_extra=needs("gw:app:remove"))
    async def remove(app_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        app = await app_of(parts, app_id)
        refuse_other_word(sent.get("typed"), app["app_key"])
        await desk.change(lambda change: delete_app(change, app_id))
        return await console.done(request, N_("The app is deleted. Its call logs stay."), leads_to="/apps")


async def app_of(parts: Parts, app_id: int) -> Row:
    """The application with its customer. Raises RowMissing."""
    async with parts.database.read() as connection:
        return await fetch_app(connection, app_id)


async def edited(
    parts: Parts, request: Request, desk: AtDesk, app_id: int, template: str, *, leads_to: str
) -> Response:
    """The answer to a form that edits some fields of an application."""
    sent = await sent_form(request)
    try:
        edit = parse(AppEdit, sent)
        await desk.change(lambda change: edit_app(change, app_id, edit))
    except REFUSED as error:
        values: dict[str, Any] = dict(sent)
        if isinstance(error, Problem) and error.status == 409:
            values["version"] = error.more.get("current_version", sent.get("version"))
        app = await app_of(parts, app_id)
        return await parts.console.form_again(request, template, error, app=app, values=values)
    return await parts.console.done(request, in_force=desk.in_force, leads_to=leads_to)


def refuse_other_word(typed: object, wanted: str) -> None:
    """Raises a 422 Problem unless the operator typed what the change concerns."""
    if str(typed or "").strip() != wanted:
        raise Problem(422, "not-confirmed", f"type {wanted} to confirm", f"请输入 {wanted} 以确认")
