"""/me: the operator's own account: language, theme, zone, rows per page, sessions. /password: a forgotten password, by a link."""

from functools import cache
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.access.repository.roles import names_of_roles
from admin_api.access.repository.users import sessions_of
from admin_api.access.service.account import end_own_session
from admin_api.access.service.password_links import set_password_by_link
from admin_api.access.service.preferences import Preferences, change_preferences
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.console.views import LANGUAGE_COOKIE, THEME_COOKIE, keep_in_cookie
from admin_api.outbox.desk import AtDesk
from admin_api.security.operators import By, remote_ip_of
from admin_api.security.passwords import GivenPassword, Password
from admin_api.security.permissions import PUBLIC, SIGNED_IN, needs
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.shapes import Body

PATH = "/me"


class LinkForm(Body):
    """What the page behind a link sends; token: from the address's fragment, put there by the page's script."""

    token: str = ""
    new_password: Password
    repeated: GivenPassword


def own_pages(parts: Parts) -> APIRouter:
    """The pages of the own account."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database

    @router.get(PATH, openapi_extra=needs(SIGNED_IN))
    async def me(request: Request, by: By) -> Response:
        view = await console.views.of(request)
        async with database.read() as connection:
            roles = await names_of_roles(connection, by.user_id)
            sessions = await sessions_of(connection, by.user_id or 0)
        values = {name: value or "" for name, value in view.preferences.model_dump().items()}
        return await console.page(
            request, "me/me.html", values=values, roles=roles, sessions=sessions, this=by.session_hash, zones=_zones()
        )

    @router.post(PATH, openapi_extra=needs(SIGNED_IN))
    async def prefer(request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            chosen = {name: str(sent.get(name, "")) or None for name in ("language", "theme", "time_zone")}
            wanted = parse(Preferences, {"page_size": sent.get("page_size", "20")}, **chosen)
            await desk.change(lambda change: change_preferences(change, wanted))
        except Problem as problem:
            return await console.form_again(request, "me/preferences.html", problem, values=sent, zones=_zones())
        answer = await console.done(request, leads_to=PATH)
        for cookie, value in ((LANGUAGE_COOKIE, wanted.language), (THEME_COOKIE, wanted.theme)):
            keep_in_cookie(answer, cookie, value or "", secure=parts.settings.is_behind_tls)
        return answer

    @router.post(f"{PATH}/sessions/{{session_hash}}/end", openapi_extra=needs(SIGNED_IN))
    async def end_session(session_hash: str, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: end_own_session(change, session_hash))
        return await console.done(request, N_("The session is ended."), leads_to=PATH)

    @router.get("/password", openapi_extra=needs(PUBLIC))
    async def link_form(request: Request) -> Response:
        return await console.page(request, "me/link.html")

    @router.post("/password", openapi_extra=needs(PUBLIC))
    async def set_by_link(request: Request) -> Response:
        parts.guard.refuse_foreign_site(request)
        sent = await sent_form(request)
        try:
            form = parse(LinkForm, sent)
            if form.new_password != form.repeated:
                raise invalid_field("repeated", "is not the same")
            await set_password_by_link(
                parts.changes, parts.passwords, form.token, form.new_password,
                remote_ip=remote_ip_of(request), request_id=request.state.request_id,
            )  # fmt: skip
        except Problem as problem:
            return await console.form_again(request, "me/link_form.html", problem, values={"token": sent.get("token")})
        return await console.done(request, N_("Your password is set. Sign in with it."), leads_to="/login")

    return router


@cache
def _zones() -> list[str]:
    """Names of places; abbreviations and offsets are left out."""
    return sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
