"""How our own services call each other: instances from the directory, a deadline over everything, reads tried twice, a breaker.

The gateway's forwarding path has a faster client of its own (gateway/upstream); this one serves admin_api → log_indexer and
monitor, order_service → warehouse_service, monitor → log_indexer.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import orjson

from openplatform.breaker import REFUSED, Breaker
from openplatform.errors import (
    REMOTE_CONNECTION_ERROR,
    REMOTE_PARSE_ERROR,
    REMOTE_RESULT_UNKNOWN,
    REMOTE_TIMEOUT,
    REMOTE_UNAVAILABLE,
    OpenPlatformError,
    UpstreamFailed,
    business_error,
)
from openplatform.ports import ServiceDirectory
from openplatform.tracing import trace_headers

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_READY_S = 2.5
_ATTEMPTS = 2
_TRY_ANOTHER = {502, 503, 504}


class _Request(NamedTuple):
    """repeatable: it may be sent to a second instance although the first may have acted on it."""

    method: str
    path: str
    params: httpx.QueryParams | None
    content: bytes | None
    headers: Mapping[str, str]
    deadline_s: float
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an instance says at /readyz. body: its checks and facts, {} when it could not be asked; error: why, "" = it was."""

    address: str
    ready: bool
    body: dict[str, Any]
    error: str


class ServiceClient:
    """Calls services by their service_id.

    directory: who is running; pinned: service_id → fixed `host:port` addresses, which win over the directory; internal_key: sent
    as X-Internal-Key. Each service has a breaker in this process. Raises UpstreamFailed (unreachable, too late, unreadable, not asked
    because it fails) and ServiceRejected (the service's business no).
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        directory: ServiceDirectory,
        *,
        internal_key: str,
        pinned: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._http = http
        self._directory = directory
        self._internal_key = internal_key
        self._pinned = pinned or {}
        self._breakers: dict[str, Breaker] = {}

    async def get(
        self,
        service_id: str,
        path: str,
        *,
        params: Mapping[str, str | int] | Sequence[tuple[str, str | int]] = (),
        headers: Mapping[str, str] | None = None,
        deadline_s: float = 3.0,
    ) -> dict[str, Any]:
        """GET, answered by a JSON object; tried on a second instance when the first is unreachable, too slow or 502–504."""
        query = httpx.QueryParams(list(_pairs(params)))
        return await self._call(service_id, _Request("GET", path, query, None, headers or {}, deadline_s))

    async def post(
        self,
        service_id: str,
        path: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        deadline_s: float = 3.0,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        """POST of a JSON object. Unless idempotent, tried again only if no byte can have left; a lost answer is code 15
        `remote-result-unknown`."""
        content = orjson.dumps(dict(body))
        request = _Request("POST", path, None, content, headers or {}, deadline_s, repeatable=idempotent)
        return await self._call(service_id, request)

    async def readiness(self, service_id: str) -> list[Readiness]:
        """What every instance says of itself at /readyz, asked side by side; one that does not answer is told as such.

        Raises PlatformUnavailable when the directory cannot be asked.
        """
        return list(await asyncio.gather(*map(self._readiness, sorted(await self._addresses(service_id)))))

    async def _readiness(self, address: str) -> Readiness:
        try:
            async with asyncio.timeout(_READY_S):
                answer = await self._http.get(f"http://{address}/readyz")
            body = answer.json()
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            return Readiness(address, ready=False, body={}, error=str(error) or type(error).__name__)
        if not isinstance(body, dict):
            return Readiness(address, ready=False, body={}, error=f"answered {answer.status_code} without checks")
        return Readiness(address, ready=answer.status_code == 200, body=body, error="")

    @asynccontextmanager
    async def stream(
        self, service_id: str, path: str, *, params: Sequence[tuple[str, str | int]] = ()
    ) -> AsyncIterator[tuple[Mapping[str, str], AsyncIterator[bytes]]]:
        """GET of an answer of any length: its headers, and its body as it arrives; leaving ends it at the service too.

        The body has no deadline of its own, but each piece of it must come within 30 s. Raises as `get` does before the block, and
        UpstreamFailed out of the body when it breaks off.
        """
        addresses = await self._addresses(service_id)
        if not addresses:
            raise REMOTE_UNAVAILABLE(f"no instance of {service_id} is running")
        headers = {"X-Internal-Key": self._internal_key, "Accept-Encoding": "identity"}
        query = httpx.QueryParams(list(_pairs(params)))
        try:
            url = f"http://{addresses[0]}{path}"
            async with self._http.stream("GET", url, params=query, headers=headers) as response:
                if response.status_code != 200:
                    _understand(service_id, response.status_code, await response.aread())
                yield response.headers, response.aiter_raw()
        except httpx.HTTPError as error:
            raise REMOTE_CONNECTION_ERROR(f"{service_id} broke off: {type(error).__name__}") from error

    async def _call(self, service_id: str, request: _Request) -> dict[str, Any]:
        breaker = self._breakers.get(service_id)
        if breaker is None:
            breaker = self._breakers[service_id] = Breaker(f"client of {service_id}")
        started = time.monotonic()
        permit = breaker.enter(started)
        if permit == REFUSED:
            pause_s = int(breaker.retry_after_s(started)) + 1
            raise REMOTE_UNAVAILABLE(f"{service_id} fails and is not asked at the moment", retry_after_s=pause_s)
        try:
            status, body = await self._ask(service_id, request)
        except UpstreamFailed:
            now = time.monotonic()
            breaker.failed(permit, now, now - started)
            raise
        except BaseException:
            breaker.given_up(permit)
            raise
        now = time.monotonic()
        (breaker.failed if status >= 500 else breaker.succeeded)(permit, now, now - started)
        return _understand(service_id, status, body)

    async def _ask(self, service_id: str, request: _Request) -> tuple[int, bytes]:
        """The status and body of the first instance that gives an answer worth having; raises UpstreamFailed."""
        repeatable = request.repeatable
        loop = asyncio.get_running_loop()
        ends = loop.time() + request.deadline_s
        failure: OpenPlatformError = REMOTE_UNAVAILABLE(f"no instance of {service_id} is running")
        addresses = (await self._addresses(service_id))[:_ATTEMPTS]
        for position, address in enumerate(addresses, start=1):
            left = ends - loop.time()
            if left <= 0:
                break
            # While another instance can still be asked, an attempt gets half of the time: one hung instance is survivable.
            limit = left / 2 if repeatable and position < len(addresses) else left
            try:
                async with asyncio.timeout(limit):
                    status, body = await self._send(address, request, left)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                failure = REMOTE_CONNECTION_ERROR(f"{service_id} could not be reached")
                continue
            except (TimeoutError, httpx.TimeoutException):
                failure = (
                    REMOTE_TIMEOUT(f"{service_id} did not answer in time") if repeatable else REMOTE_RESULT_UNKNOWN()
                )
            except httpx.HTTPError:
                failure = (
                    REMOTE_CONNECTION_ERROR(f"{service_id} broke the connection")
                    if repeatable
                    else REMOTE_RESULT_UNKNOWN()
                )
            else:
                if status not in _TRY_ANOTHER:
                    return status, body
                failure = REMOTE_UNAVAILABLE(f"{service_id} answered {status}")
            if not repeatable:
                break
        raise failure

    async def _addresses(self, service_id: str) -> list[str]:
        fixed = self._pinned.get(service_id)
        addresses = list(fixed) if fixed else [i.address for i in await self._directory.instances(service_id)]
        addresses = list(dict.fromkeys(addresses))  # workers behind one port are one address
        random.shuffle(addresses)
        return addresses

    async def _send(self, address: str, request: _Request, left_s: float) -> tuple[int, bytes]:
        headers = {
            **request.headers,
            **trace_headers(),
            "X-Internal-Key": self._internal_key,
            "X-Request-Deadline-Ms": str(int(left_s * 1000)),
            "Accept-Encoding": "identity",  # httpx would unpack a small answer into any amount of memory
        }
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        url = f"http://{address}{request.path}"
        asking = self._http.stream(request.method, url, params=request.params, content=request.content, headers=headers)
        async with asking as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise httpx.RemoteProtocolError("the answer is too large")
            return response.status_code, bytes(body)


@asynccontextmanager
async def open_service_client(
    directory: ServiceDirectory, *, internal_key: str, pinned: Mapping[str, Sequence[str]] | None = None
) -> AsyncIterator[ServiceClient]:
    """A client with its own connections: proxies of the environment ignored, redirects never followed."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=10)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, limits=limits, timeout=30) as http:
        yield ServiceClient(http, directory, internal_key=internal_key, pinned=pinned)


def _pairs(params: Mapping[str, str | int] | Sequence[tuple[str, str | int]]) -> Sequence[tuple[str, str]]:
    items = params.items() if isinstance(params, Mapping) else params
    return [(name, str(value)) for name, value in items]


def _understand(service_id: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if 400 <= status < 500 and isinstance(answer, dict) and isinstance(answer.get("sub_code"), str):
        raise business_error(answer["sub_code"], str(answer.get("sub_msg", "")), http_status=status)
    if not 200 <= status < 300:
        raise REMOTE_UNAVAILABLE(f"{service_id} answered {status}")
    if not isinstance(answer, dict):
        raise REMOTE_PARSE_ERROR(f"{service_id} did not answer with a JSON object")
    return answer
