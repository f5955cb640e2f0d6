"""Stage 10, service call: the request as the service expects it, whether it is sent, and what its answer means."""

import time

import orjson

from gateway.call import Call
from gateway.catalog_entries import RouteEntry
from gateway.guards import Guards
from gateway.metrics import GatewayMetrics
from gateway.upstream import UpstreamAnswer, Upstreams
from openplatform.errors import (
    INVALID_ARGUMENT,
    REMOTE_PARSE_ERROR,
    REMOTE_RESULT_UNKNOWN,
    REMOTE_UNAVAILABLE,
    SERVICE_REJECTED,
    OpenPlatformError,
    UpstreamFailed,
    unsent,
)
from openplatform.protocol import SYSTEM_PARAMS, encode_query, shown

_NOT_CODED = (b"", b"identity")
_MAX_URL_CHARS = 60 * 1024
"""Of a service's URL, everything in it: what servers read is 64 KiB (a length of 16 bits in their parsers)."""
_METHODS_WITH_BODY = frozenset(("POST", "PUT"))


class InvokeService:
    """Forwards the business parameters to one instance of the route's service.

    GET and DELETE carry them in the query string, POST and PUT as a JSON object of strings. Who calls stands in headers that are
    written here: nothing that a caller sends becomes a header. While a breaker of the API or the service is open, nothing is
    sent: the call gets an old answer that was kept, or the route's fallback body, or the error.
    """

    def __init__(self, upstreams: Upstreams, guards: Guards, metrics: GatewayMetrics, *, internal_key: str) -> None:
        self._upstreams = upstreams
        self._guards = guards
        self._metrics = metrics
        self._fixed = f"Accept-Encoding: identity\r\nX-Internal-Key: {internal_key}\r\n"

    async def __call__(self, call: Call) -> None:
        if call.service_body:
            return  # a stage before had the answer
        assert call.route is not None and call.app is not None
        entry = call.route
        route = entry.route
        path = entry.path(call.params)
        not_sent = entry.not_sent
        business = {name: value for name, value in call.params.items() if name not in not_sent}
        body = b""
        if route.http_method in _METHODS_WITH_BODY:
            body = orjson.dumps(business)
            described = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        else:
            described = ""
            if business:
                if len(call.body) > _MAX_URL_CHARS and sum(map(len, business.values())) > _MAX_URL_CHARS:
                    raise _too_long(call)
                path = f"{path}?{encode_query(business)}"
        if len(path) > _MAX_URL_CHARS:
            raise _too_long(call)
        grant = call.grant
        scope = f"X-Data-Scope: {grant.data_scope}\r\n" if grant is not None and grant.data_scope else ""
        vender = "" if call.vender_id is None else f"X-Vender-Id: {call.vender_id}\r\n"
        traced = "" if call.trace is None else call.trace.header
        head = (
            f"{route.http_method} {path}{entry.fixed_head or self._fix_head(entry)}{described}{vender}{scope}"
            f"X-Request-Id: {call.request_id}\r\nX-App-Key: {call.app.app.app_key}\r\n{traced}\r\n"
        )
        guard = entry.guard
        if guard is None:
            guard = entry.guard = self._guards.of(route)
        started = time.monotonic()
        permits = guard.enter(started)
        if permits is None:
            _fall_back(call, entry, guard.retry_after_s(started))
            return
        try:
            answer = await self._upstreams.call(
                route.service_id, head.encode(), body, timeout_s=entry.timeout_s, idempotent=route.idempotent
            )
        except UpstreamFailed as error:
            took_s = time.monotonic() - started
            guard.failed(permits, started + took_s, took_s)
            call.service_ms = took_s * 1000
            self._metrics.count_upstream_error(route.service_id, error)
            raise
        except BaseException:
            guard.given_up(permits)
            call.service_ms = (time.monotonic() - started) * 1000
            raise
        took_s = time.monotonic() - started
        call.service_ms = took_s * 1000
        call.attempts = answer.attempts
        status = answer.status
        if 200 <= status < 300 and answer.content_encoding in _NOT_CODED:
            guard.answered(permits, started + took_s, took_s)
            call.service_body = answer.body
            return
        if 400 <= status < 500:  # it works: it said no
            guard.answered(permits, started + took_s, took_s)
        else:
            guard.failed(permits, started + took_s, took_s)
        refusal = REMOTE_PARSE_ERROR() if status < 300 else _refusal(answer, idempotent=route.idempotent)
        if isinstance(refusal, UpstreamFailed):
            self._metrics.count_upstream_error(route.service_id, refusal)
        raise refusal

    def _fix_head(self, entry: RouteEntry) -> str:
        """What is the same in each request of the route, from behind the path to the headers that tell of the call."""
        route = entry.route
        entry.fixed_head = (
            f" HTTP/1.1\r\nHost: {route.service_id}\r\n{self._fixed}X-Api-Name: {route.api_name}\r\n"
            f"X-Request-Deadline-Ms: {route.timeout_ms}\r\n"
        )
        return entry.fixed_head


def _too_long(call: Call) -> OpenPlatformError:
    sent = {name: value for name, value in call.params.items() if name not in SYSTEM_PARAMS}
    longest = max(sent, key=lambda name: len(name) + len(sent[name]))
    return INVALID_ARGUMENT("this API takes all its parameters together up to 60 KiB, URL-encoded", name=shown(longest))


def _fall_back(call: Call, entry: RouteEntry, retry_after_s: int) -> None:
    call.breaker_is_open = True
    if (
        not entry.fallback or call.stale_body
    ):  # a true answer that is old, which ServeStale gives, is better than a made one
        raise unsent(REMOTE_UNAVAILABLE(retry_after_s=retry_after_s))
    call.service_body = entry.fallback
    call.fallback = "body"
    call.headers.append((b"x-fallback", b"body"))


def _refusal(answer: UpstreamAnswer, *, idempotent: bool) -> OpenPlatformError:
    status = answer.status
    # 401 and 403 speak of the gateway's own key or headers: a fault of ours, never the caller's.
    if 400 <= status < 500 and status not in (401, 403):
        try:
            error = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            error = None
        if isinstance(error, dict) and isinstance(error.get("sub_code"), str) and error["sub_code"].startswith("isv."):
            return SERVICE_REJECTED(str(error.get("sub_msg", "")), sub_code=error["sub_code"])
        return REMOTE_PARSE_ERROR()
    if status in (502, 504) and not idempotent:
        return REMOTE_RESULT_UNKNOWN()  # a proxy before the service gave up: the write may have happened
    if 300 <= status < 400:
        return REMOTE_PARSE_ERROR()  # redirects are never followed
    return REMOTE_UNAVAILABLE()
