"""The outermost layer: the caller's address, a request id, security headers on every answer."""

import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from admin_api.security.problems import MEDIA_TYPE, Problem, problem_document
from openplatform.addresses import caller_address, parse_address
from openplatform.env import Network

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}
PAGE_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
"""The Content-Security-Policy of pages; everything else is allowed nothing at all."""


class Doorway:
    """Pure ASGI. A header that the answer has already is left as it is."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: Sequence[Network] = (), is_behind_tls: bool = False) -> None:
        self._app = app
        self._trusted = tuple(trusted_proxies)
        self._headers = dict(_HEADERS)
        if is_behind_tls:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id
        if scope.get("client") and self._trusted:
            forwarded = Headers(scope=scope).get("x-forwarded-for", "")
            scope["client"] = (caller_address(scope["client"][0], forwarded, self._trusted), scope["client"][1])

        answered = too_large = False

        async def send_with_headers(message: Message) -> None:
            nonlocal answered, too_large
            if message["type"] == "http.response.start":
                answered = True
                too_large = (
                    message["status"] == 413 and Headers(raw=message["headers"]).get("content-type") != MEDIA_TYPE
                )
                if too_large:
                    message = {
                        **message,
                        "headers": [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")],
                    }
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            elif too_large:  # Starlette's own answer to a body past the limit is plain text
                problem = Problem(413, "too-large", "the request's body is too large", "请求体过大")
                message = {"type": "http.response.body", "body": problem_document(problem, request_id)}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            if not answered:
                raise
            # Starlette raises a fault once more after its handler has logged and answered it: one trace is enough.


def is_from_here(request: Request) -> bool:
    """True for a caller on this machine, whose request no proxy passed on."""
    address = parse_address(request.client.host) if request.client else None
    return address is not None and address.is_loopback and "x-forwarded-for" not in request.headers
