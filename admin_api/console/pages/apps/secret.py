"""/apps/{id}/secret: the secret is masked; a new one needs the operator's password, is shown once, and leaves the old one a day."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apps.endpoints.secrets import Confirmation
from admin_api.apps.service.secrets import replaced_secrets, reset_secret, retire_secret
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.pages.apps.detail import app_of
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import FieldProblem, Problem
from admin_api.tables.shapes import Id

_FORM = "apps/reset_form.html"


def add_secret_pages(router: APIRouter, parts: Parts) -> None:
    """The tab of the secret."""
    console = parts.console

    @router.get("/{app_id}/secret", openapi_extra=needs("gw:app:query"))
    async def secret(app_id: Id, request: Request) -> Response:
        app = await app_of(parts, app_id)
        async with parts.database.read() as connection:
            replaced = await replaced_secrets(connection, app_id)
        return await console.page(
            request, "apps/secret.html", app=app, replaced=replaced, now=parts.changes.now(), tab="secret"
        )

    @router.post("/{app_id}/secret", openapi_extra=needs("gw:app:resetSecret"))
    async def reset(app_id: Id, request: Request, desk: AtDesk) -> Response:
        app = await app_of(parts, app_id)
        try:
            confirmation = parse(Confirmation, await sent_form(request))
            await parts.sign_in.confirm(desk.by, confirmation.password)
        except Problem as problem:
            if problem.code == "wrong-password":
                wrong = FieldProblem(place="body", field="password", code="wrong", message=problem.detail)
                problem = Problem(422, problem.code, problem.detail, problem.detail_zh, errors=[wrong])
            if problem.status not in (422, 429):
                raise
            return await console.form_again(request, _FORM, problem, app=app)
        row, text, until = await desk.change(lambda change: reset_secret(change, parts.seal, app_id))
        made = {"id": row["id"], "app_key": row["app_key"], "app_secret": text}
        headers = await console.toast(request, in_force=desk.in_force)
        return await console.page(request, "apps/secret_once.html", headers=headers, made=made, old_until=until)

    @router.post("/{app_id}/secrets/{secret_id}/end", openapi_extra=needs("gw:app:resetSecret"))
    async def end(app_id: Id, secret_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: retire_secret(change, app_id, secret_id))
        text = N_("The old secret signs nothing any more.")
        return await console.done(request, text, leads_to=f"/apps/{app_id}/secret")
