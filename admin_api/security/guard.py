"""The guard at every route: session, forgery check, permission; before a byte of the body is read."""

import hmac
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from admin_api.security.operators import Operator, remote_ip_of
from admin_api.security.permissions import PUBLIC, SIGNED_IN, perms_of
from admin_api.security.problems import Problem
from admin_api.security.sessions import Sessions, csrf_token_of
from openplatform.sql import DatabaseAway

COOKIE, COOKIE_BEHIND_TLS = "sid", "__Host-sid"
CSRF_HEADER = "X-CSRF-Token"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


class Guard:
    """Lets operators in. The session comes in a cookie (then writes need its CSRF token) or as a bearer token.

    While the database does not answer, readers whom it has vouched for within the last minutes are let in all the same.
    """

    def __init__(self, sessions: Sessions, *, is_behind_tls: bool) -> None:
        self._sessions = sessions
        self._is_behind_tls = is_behind_tls
        self._cookie = COOKIE_BEHIND_TLS if is_behind_tls else COOKIE

    async def admit(self, request: Request, perms: str) -> None:
        """Sets request.state.operator. Raises a 401 or 403 Problem, DatabaseAway."""
        if perms == PUBLIC:
            return
        session_id, in_cookie = self.session_id_of(request)
        operator = await self._operator(request, session_id)
        if in_cookie and request.method not in _READING:
            self._refuse_forgery(request, session_id)
        if operator.must_change_password and perms != SIGNED_IN:
            raise Problem(
                403,
                "password-change-required",
                "change your password first: PUT /api/v1/me/password",
                "请先修改初始密码",
            )
        if perms != SIGNED_IN and not operator.permissions.allows(perms):
            raise Problem(
                403, "forbidden", f"you need the permission {perms}", f"缺少权限 {perms}", more={"missing": perms}
            )
        request.state.operator = operator

    def session_id_of(self, request: Request) -> tuple[str, bool]:
        """The session's id and whether it came in the cookie; "" when there is none."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip(), False
        return request.cookies.get(self._cookie, ""), True

    def set_cookie(self, answer: Response, session_id: str) -> None:
        """Puts the session into a cookie that scripts cannot read and other sites cannot send."""
        answer.set_cookie(
            self._cookie, session_id, path="/", httponly=True, samesite="strict", secure=self._is_behind_tls
        )

    def clear_cookie(self, answer: Response) -> None:
        answer.delete_cookie(self._cookie, path="/", httponly=True, samesite="strict", secure=self._is_behind_tls)

    @staticmethod
    def refuse_foreign_site(request: Request) -> None:
        """Raises a 403 Problem when the browser says that another site caused the request. Old browsers say nothing."""
        if request.headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            raise Problem(403, "foreign-site", "another site caused this request", "请求来自其他站点")

    def _refuse_forgery(self, request: Request, session_id: str) -> None:
        self.refuse_foreign_site(request)
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), csrf_token_of(session_id).encode()):
            raise Problem(
                403,
                "csrf-token",
                f"the header {CSRF_HEADER} is missing or wrong: GET /api/v1/me tells it",
                "CSRF 校验失败",
            )

    async def _operator(self, request: Request, session_id: str) -> Operator:
        operator = None
        asked_by = {"remote_ip": remote_ip_of(request), "request_id": request.state.request_id}
        if session_id:
            try:
                operator = await self._sessions.find(session_id, **asked_by)
            except DatabaseAway:
                # Only for who reads: nothing is changed by anybody of whom the database has not said now who it is.
                if request.method in _READING:
                    operator = self._sessions.find_known(session_id, **asked_by)
                if operator is None:
                    raise
        if operator is None:
            raise Problem(
                401,
                "unauthenticated",
                "sign in first: POST /api/v1/login",
                "请先登录",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return operator


def guard_of(request: Request) -> Guard:
    """The application's guard."""
    guard: Guard = request.app.state.guard
    return guard


class GuardedRoute(APIRoute):
    """A route that asks the guard first. Without a declared permission it cannot be made."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        perms = perms_of(self)
        handle = super().get_route_handler()

        async def handle_guarded(request: Request) -> Response:
            await guard_of(request).admit(request, perms)
            return await handle(request)

        return handle_guarded
