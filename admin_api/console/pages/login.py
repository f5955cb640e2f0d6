"""/login and /logout: into the console and out of it; in a dialog when a session ended under an open form."""

import json
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from admin_api.console.forms import sent_form
from admin_api.console.frame import LOGIN_PATH, PASSWORD_PATH, PageRoute, is_partial, local_path
from admin_api.console.parts import Parts
from admin_api.security.operators import By, remote_ip_of
from admin_api.security.permissions import PUBLIC, SIGNED_IN, needs
from admin_api.security.problems import Problem, problem_of
from admin_api.security.sessions import csrf_token_of
from openplatform.sql import DatabaseAway


def login_pages(parts: Parts) -> APIRouter:
    """The pages of signing in and out."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, guard = parts.console, parts.guard

    @router.get(LOGIN_PATH, openapi_extra=needs(PUBLIC))
    async def login_form(request: Request, next: str = "") -> Response:  # the query's own name
        return await console.page(request, "login/login.html", next=local_path(next), refusal=None)

    @router.post(LOGIN_PATH, openapi_extra=needs(PUBLIC))
    async def login(request: Request, next: str = "") -> Response:
        guard.refuse_foreign_site(request)
        sent = await sent_form(request)
        email = str(sent.get("email", "")).strip()[:254]
        try:
            signed_in = await parts.sign_in.sign_in(
                email,
                str(sent.get("password", ""))[:128],
                remote_ip=remote_ip_of(request),
                user_agent=request.headers.get("user-agent", ""),
                replacing=guard.session_id_of(request)[0],
            )
        except (Problem, DatabaseAway) as error:
            problem = problem_of(error)
            template = "login/again.html" if is_partial(request) else "login/login.html"
            return await console.page(
                request,
                template,
                status=problem.status,
                headers=problem.headers,
                next=local_path(next),
                refusal=problem,
                values={"email": email},
            )
        answer: Response
        if is_partial(request):
            renewed = {"session-renewed": {"csrf": csrf_token_of(signed_in.session_id)}}
            answer = Response(headers={"HX-Trigger": json.dumps(renewed)})
        elif signed_in.must_change_password:
            answer = RedirectResponse(PASSWORD_PATH, 303)
        else:
            answer = RedirectResponse(local_path(next) or await _home(parts, request, signed_in.session_id), 303)
        guard.set_cookie(answer, signed_in.session_id)
        return answer

    @router.post("/logout", openapi_extra=needs(SIGNED_IN))
    async def logout(by: By) -> Response:
        await parts.sessions.end(by.session_hash)
        answer = Response(headers={"HX-Redirect": quote(LOGIN_PATH)})
        guard.clear_cookie(answer)
        return answer

    return router


async def _home(parts: Parts, request: Request, session_id: str) -> str:
    """The first page that the operator may see: not everybody has the overview."""
    request.state.operator = await parts.sessions.find(
        session_id, remote_ip=remote_ip_of(request), request_id=request.state.request_id
    )
    return (await parts.console.views.of(request)).home
