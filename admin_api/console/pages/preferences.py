"""/preferences: language and theme, in a cookie for everybody and in the profile of who is signed in."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from admin_api.access.service.preferences import Preferences, change_preferences
from admin_api.console.catalogues import LANGUAGES
from admin_api.console.forms import sent_form
from admin_api.console.frame import PageRoute, local_path
from admin_api.console.parts import Parts
from admin_api.console.views import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, keep_in_cookie
from admin_api.security.operators import remote_ip_of
from admin_api.security.permissions import PUBLIC, needs

_COOKIES = {"language": (LANGUAGE_COOKIE, LANGUAGES), "theme": (THEME_COOKIE, ("", *THEMES))}


def preference_pages(parts: Parts) -> APIRouter:
    """Where the menus for language and theme lead."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.post("/preferences", openapi_extra=needs(PUBLIC))
    async def prefer(request: Request) -> Response:
        parts.guard.refuse_foreign_site(request)
        sent = await sent_form(request)
        answer = RedirectResponse(local_path(str(sent.get("back", ""))) or "/", 303)
        operator = None
        if session_id := parts.guard.session_id_of(request)[0]:
            operator = await parts.sessions.find(
                session_id, remote_ip=remote_ip_of(request), request_id=request.state.request_id
            )
        for name, (cookie, allowed) in _COOKIES.items():
            value = str(sent.get(name, "?"))
            if value in allowed:
                keep_in_cookie(answer, cookie, value, secure=parts.settings.is_behind_tls)
                if operator is not None and operator.user_id is not None:
                    wanted = Preferences.model_validate({name: value or None})
                    await parts.changes.make(operator, lambda change, w=wanted: change_preferences(change, w))  # type: ignore[misc]
        return answer

    return router
