"""/me/password: the operator's own password, which a new operator changes before anything else."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.access.service.account import change_own_password
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PASSWORD_PATH, PageRoute
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.passwords import GivenPassword, Password
from admin_api.security.permissions import SIGNED_IN, needs
from admin_api.security.problems import FieldProblem, Problem, invalid_field
from admin_api.tables.shapes import Body

_FORM = "login/password_form.html"


class NewPassword(Body):
    """What the form holds; repeated: the new password once more."""

    old_password: GivenPassword
    new_password: Password
    repeated: GivenPassword


def password_pages(parts: Parts) -> APIRouter:
    """The page of the own password."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    @router.get(PASSWORD_PATH, openapi_extra=needs(SIGNED_IN))
    async def password_form(request: Request) -> Response:
        return await console.page(request, "login/password.html")

    @router.post(PASSWORD_PATH, openapi_extra=needs(SIGNED_IN))
    async def change_password(request: Request, desk: AtDesk) -> Response:
        try:
            session_id = await _changed(parts, desk, request)
        except Problem as problem:
            if problem.status == 429:
                raise
            return await console.form_again(request, _FORM, problem)
        answer = await console.done(
            request, N_("Your password is changed. Other devices are signed out."), leads_to="/"
        )
        parts.guard.set_cookie(answer, session_id)
        return answer

    return router


async def _changed(parts: Parts, desk: AtDesk, request: Request) -> str:
    form = parse(NewPassword, await sent_form(request))
    if form.new_password != form.repeated:
        raise invalid_field("repeated", "is not the same")
    if form.new_password == form.old_password:
        raise invalid_field("new_password", "must be another one")
    if form.new_password.lower() == desk.by.email:
        raise invalid_field("new_password", "must not be the e-mail address")
    try:
        verified = await parts.sign_in.confirm(desk.by, form.old_password)
    except Problem as problem:
        if problem.code != "wrong-password":
            raise
        wrong = FieldProblem(place="body", field="old_password", code="wrong", message=problem.detail)
        raise Problem(422, problem.code, problem.detail, problem.detail_zh, errors=[wrong]) from problem
    hashed = await parts.passwords.hash(form.new_password)
    agent = request.headers.get("user-agent", "")
    session_id, _ = await desk.change(
        lambda change: change_own_password(change, parts.sessions, verified, hashed, user_agent=agent)
    )
    return session_id
