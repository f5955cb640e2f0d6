"""Internal HTTP of the services behind the gateway: who is calling, the internal key, health, errors, registration, lifespan."""

import asyncio
import hmac
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError, business_error
from openplatform.lifetime import ServiceProcess as ServiceProcess  # every service's app.py takes these from here
from openplatform.lifetime import draining
from openplatform.lifetime import registered as registered
from openplatform.lifetime import running as running
from openplatform.metrics import CONTENT_TYPE_LATEST, Metric, Source, common_families, exposition, may_scrape, siblings
from openplatform.trace_calls import TraceCalls
from openplatform.tracing import Tracer

log = logging.getLogger(__name__)

DEFAULT_DEADLINE_S = 3.0  # the gateway's own default for an API
MAX_BODY_BYTES = 10 * 1024 * 1024
Check = Callable[[], Awaitable[object]]


class SystemClock:
    """The machine's own clock. A call asks it ten times: no Python function stands in between."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class JsonAnswer(Response):
    """A JSON body by orjson: raw UTF-8, no escapes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands behind a call, as the gateway says: the merchant, the app, and the request's id.

    deadline_s: how long the gateway still waits for the answer, seconds; data_scope: the words of the app's grant, such as `pii`.
    """

    vender_id: int
    app_key: str
    request_id: str
    deadline_s: float = DEFAULT_DEADLINE_S
    data_scope: frozenset[str] = frozenset()

    @property
    def sees_personal_data(self) -> bool:
        """Whether names, phones and addresses are shown to the app unmasked."""
        return "pii" in self.data_scope


def caller_of(request: Request) -> Caller:
    """Raises a 401 ServiceRejected when the gateway's headers name no merchant."""
    vender_id = request.headers.get("x-vender-id", "")
    # int() of an endless string of digits is slow, and takes signs and other scripts' digits
    if not (vender_id.isascii() and vender_id.isdigit() and len(vender_id) <= 18):
        raise business_error("isv.missing-vender", "the call carries no merchant", http_status=401)
    deadline_s = _seconds_left(request.headers.get("x-request-deadline-ms", "")) or DEFAULT_DEADLINE_S
    app_key, request_id = request.headers.get("x-app-key", ""), request.headers.get("x-request-id", "")
    scope = frozenset(word.strip() for word in request.headers.get("x-data-scope", "").split(",")) - {""}
    return Caller(int(vender_id), app_key, request_id, deadline_s, scope)


def _seconds_left(milliseconds: str) -> float | None:
    return (
        int(milliseconds) / 1000
        if milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) <= 9
        else None
    )


async def business_params(request: Request) -> dict[str, str]:
    """The business parameters: the query string, the members of a JSON object in the body, and the path's placeholders.

    The path names what is asked for, so it wins over the others. Raises a 400 ServiceRejected.
    """
    params: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    if body:
        try:
            members = orjson.loads(body)
        except orjson.JSONDecodeError:
            members = None
        if not isinstance(members, dict):
            raise business_error("isv.invalid-parameter:body", "the body must be a JSON object")
        params |= {k: v if isinstance(v, str) else orjson.dumps(v).decode() for k, v in members.items()}
    return {name: str(value) for name, value in (params | request.path_params).items()}


def service_app(
    routes: Sequence[BaseRoute],
    *,
    internal_keys: Sequence[str],
    name: str = "",
    checks: Mapping[str, Check] | None = None,
    facts: Mapping[str, Callable[[], str]] | None = None,
    metrics: CollectorRegistry | None = None,
    tracer: Tracer | None = None,
) -> ASGIApp:
    """A service's ASGI application.

    routes: its own; internal_keys: one of them must come as X-Internal-Key, or the answer is 401 (health endpoints excepted);
    name: the service's, as /metrics says it; checks: dependency name → coroutine that raises when the dependency is down, for
    /readyz and /metrics; facts: what else /readyz says, by name; metrics: what /metrics shows besides, to this machine without
    a key, to others with one.
    """
    checks = checks or {}
    return Starlette(
        routes=[*health_routes(checks, facts), metrics_route(metrics_source(name, checks, metrics)), *routes],
        middleware=[
            Middleware(InternalKeyGuard, keys=internal_keys),
            Middleware(TraceCalls, tracer=tracer),
            Middleware(DeadlineGuard),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES),
        ],
        exception_handlers={
            OpenPlatformError: _render_error,  # type: ignore[dict-item]  # Starlette types handlers by Exception
            HTTPException: _render_http_error,  # type: ignore[dict-item]
            ClientDisconnect: _render_nothing,
            Exception: _render_bug,
        },
    )


def health_routes(checks: Mapping[str, Check], facts: Mapping[str, Callable[[], str]] | None = None) -> list[BaseRoute]:
    """/healthz: the process lives. /readyz: 200 when every dependency answers and the process is not about to stop, else 503;
    each one's state in the body."""

    async def healthz(request: Request) -> Response:
        return JsonAnswer({"status": "ok"})

    async def readyz(request: Request) -> Response:
        states = {name: await _state(check) for name, check in checks.items()}
        if draining.began:
            states["process"] = "stopping"
        ready = all(state == "ok" for state in states.values())
        answer: dict[str, Any] = {"status": "ok" if ready else "unavailable", "checks": states}
        if facts:
            answer["facts"] = {name: told() for name, told in facts.items()}
        return JsonAnswer(answer, 200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def metrics_source(name: str, checks: Mapping[str, Check], registry: CollectorRegistry | None = None) -> Source:
    """The registry's families, and whether what the checks ask answers: for /metrics of this process and of its siblings."""

    async def source() -> Iterable[Metric]:
        states = await asyncio.gather(*map(_state, checks.values()))
        answers = {dependency: state == "ok" for dependency, state in zip(checks, states, strict=True)}
        return [*(registry.collect() if registry else ()), *common_families(name, answers)]

    siblings.answer_with(source)
    return source


def metrics_route(source: Source) -> BaseRoute:
    """/metrics in Prometheus' text format."""

    async def metrics(request: Request) -> Response:
        return Response(await exposition(source), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(2):
            await check()
    except Exception as error:  # whatever a dependency's driver raises means: not ready
        return str(error) or type(error).__name__
    return "ok"


class InternalKeyGuard:
    """Pure ASGI: refuses every request without a live internal key, in constant time.

    open_paths need none, local_paths none from this machine, and take the key as a bearer token.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Sequence[str],
        open_paths: Sequence[str] = ("/healthz", "/readyz"),
        local_paths: Sequence[str] = ("/metrics",),
    ) -> None:
        self._app = app
        self._keys = tuple(keys)
        self._open_paths = frozenset(open_paths)
        self._local_paths = frozenset(local_paths)

    def _is_open(self, scope: Scope) -> bool:
        if scope["path"] in self._local_paths:
            return _is_local(scope) or may_scrape(scope["headers"], self._keys)
        return scope["path"] in self._open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_open(scope):
            claimed = next((value for name, value in scope["headers"] if name == b"x-internal-key"), b"")
            if not any(hmac.compare_digest(key.encode(), claimed) for key in self._keys):
                refusal = {"sub_code": "isv.unauthorised", "sub_msg": "the internal key is missing or wrong"}
                await JsonAnswer(refusal, 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class DeadlineGuard:
    """Pure ASGI: a call that is still working when its caller's X-Request-Deadline-Ms has passed is cancelled and answers 503.

    Whatever it waits for, a hung database above all, it thereby stops waiting for: nobody would read the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"] if scope["type"] == "http" else ()
        left = next((value for name, value in headers if name == b"x-request-deadline-ms"), b"")
        seconds = _seconds_left(left.decode("latin-1"))
        if seconds is None:
            await self._app(scope, receive, send)
            return
        began = False

        async def noting(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            async with asyncio.timeout(seconds) as deadline:
                await self._app(scope, receive, noting)
        except TimeoutError:
            if not deadline.expired() or began:
                raise
            log.warning("a call of %s was given up at its deadline of %s s", scope["path"], seconds)
            busy = PLATFORM_UNAVAILABLE("the call's deadline has passed")
            await JsonAnswer({"sub_code": busy.sub_code, "sub_msg": busy.sub_msg}, 503)(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def _render_error(request: Request, error: OpenPlatformError) -> Response:
    return JsonAnswer({"sub_code": error.sub_code, "sub_msg": error.sub_msg}, error.http_status)


async def _render_http_error(request: Request, error: HTTPException) -> Response:
    code = "isv.not-found" if error.status_code == 404 else "isv.invalid-request"
    return JsonAnswer({"sub_code": code, "sub_msg": error.detail}, error.status_code, headers=error.headers)


async def _render_nothing(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the caller has left: nobody reads this


async def _render_bug(request: Request, error: Exception) -> Response:
    log.error("request %s failed", request.headers.get("x-request-id", "-"), exc_info=error)
    return JsonAnswer({"sub_code": "isp.unknown-error", "sub_msg": "an unexpected fault of the service"}, 500)


def missing(name: str) -> OpenPlatformError:
    """The business error of a required parameter that is absent."""
    return business_error(f"isv.missing-parameter:{name}", f"the parameter {name} is required")


def invalid(name: str, rule: str) -> OpenPlatformError:
    """The business error of a parameter that breaks a rule, e.g. invalid("page_size", "must be from 1 to 100")."""
    return business_error(f"isv.invalid-parameter:{name}", f"{name} {rule}")
