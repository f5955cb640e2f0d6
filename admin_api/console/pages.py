"""/, /login and /api/docs."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from admin_api.console.api_docs import operations
from admin_api.console.html import STYLE, STYLE_PATH, Html, page, tag, void_tag
from admin_api.security.guard import Guard, GuardedRoute
from admin_api.security.operators import remote_ip_of
from admin_api.security.permissions import PUBLIC, SIGNED_IN, needs
from admin_api.security.problems import Problem
from admin_api.security.signin import SignIn

DOCS_PATH = "/api/docs"
OPENAPI_PATH = "/api/openapi.json"
LOGIN_PATH = "/login"

__all__ = ["DOCS_PATH", "OPENAPI_PATH", "page_routes"]


def page_routes(sign_in: SignIn, guard: Guard) -> APIRouter:
    """The pages; none of them changes anything but the session."""
    router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

    @router.get("/", openapi_extra=needs(PUBLIC))
    async def front() -> Response:
        return page(
            "Pailou",
            tag("p", "This is admin_api. The console's pages are not built yet; everything is in the JSON API."),
            tag("ul", tag("li", _link(DOCS_PATH, "documentation of the JSON API"), " (after signing in)"),
                tag("li", _link(OPENAPI_PATH, "its OpenAPI 3.1 document"))),
        )  # fmt: skip

    @router.get(STYLE_PATH, openapi_extra=needs(PUBLIC))
    async def style() -> Response:
        return PlainTextResponse(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    @router.get(LOGIN_PATH, openapi_extra=needs(PUBLIC))
    async def login_form() -> Response:
        return _login_page()

    @router.post(LOGIN_PATH, openapi_extra=needs(PUBLIC))
    async def login(request: Request) -> Response:
        guard.refuse_foreign_site(request)
        sent = dict(parse_qsl((await request.body())[:4096].decode("utf-8", "replace"), max_num_fields=10))
        try:
            signed_in = await sign_in.sign_in(
                sent.get("email", "").strip(),
                sent.get("password", "")[:128],
                remote_ip=remote_ip_of(request),
                user_agent=request.headers.get("user-agent", ""),
                replacing=guard.session_id_of(request)[0],
            )
        except Problem as problem:
            return _login_page(problem)
        answer = RedirectResponse(DOCS_PATH, 303)
        guard.set_cookie(answer, signed_in.session_id)
        return answer

    @router.get(DOCS_PATH, openapi_extra=needs(PUBLIC))
    async def docs(request: Request) -> Response:
        try:
            await guard.admit(request, SIGNED_IN)
        except Problem:
            return RedirectResponse(LOGIN_PATH, 303)
        document = request.app.openapi()
        described = document["info"].get("description", "")
        return page("JSON API", tag("p", described), tag("p", _link(OPENAPI_PATH, OPENAPI_PATH)), operations(document))

    return router


def _login_page(problem: Problem | None = None) -> Response:
    refusal = tag("p", f"{problem.detail} {problem.detail_zh}", class_="refused", role="alert") if problem else Html("")
    form = tag(
        "form",
        tag("label", "E-mail 邮箱", void_tag("input", name="email", type="email", autocomplete="username", required="")),
        tag("label", "Password 密码",
            void_tag("input", name="password", type="password", autocomplete="current-password", required="")),
        tag("button", "Sign in 登录", type="submit"),
        method="post",
        action=LOGIN_PATH,
    )  # fmt: skip
    return page("Sign in", refusal, form, status=problem.status if problem else 200)


def _link(path: str, label: str) -> Html:
    return tag("a", label, href=path)
