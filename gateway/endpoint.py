"""The gateway's HTTP door as an ASGI application: runs under any server, knows nothing of the stages."""

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from starlette.types import Receive, Scope, Send

from gateway.call import Batch, Call
from gateway.pipeline import Pipeline
from gateway.tracing import Traces
from gateway.turn_end import TurnEnd
from openplatform import stage_times
from openplatform.addresses import caller_address, parse_address
from openplatform.env import Network
from openplatform.ports import Clock
from openplatform.protocol import SEPARATOR

Probed = tuple[int, str, bytes]
"""Status, content type, body."""
Probe = Callable[[], Probed | Awaitable[Probed]]
"""Answers a probe path."""

C = TypeVar("C", bound=Call)
Headers = list[tuple[bytes, bytes]]

PATH = "/router/rest"
BATCH_PATH = "/router/batch"
SEPARATOR_HEADER = b"top-api-separator"
_ASKS_TIMES = stage_times.ASKING_HEADER.encode()
_GZIP_REFUSED = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")

Answerer = Callable[..., Awaitable[tuple[int, Headers, bytes]]]


class RequestIds:
    """Ids of requests: unique over processes by a random prefix, cheap within one by counting."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._count = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}{next(self._count):08x}"


class GatewayEndpoint:
    """`/router/rest` runs the pipeline, `/router/batch` the one for batches; the probes answer loopback and trusted peers,
    `/healthz` answers everybody.

    One pipeline behind two doors: called as an ASGI application, or by the front's lane through `answer`. Batches take the former.
    """

    lane_path = PATH.encode()

    def __init__(
        self,
        pipeline: Pipeline,
        batch_pipeline: Pipeline,
        clock: Clock,
        *,
        max_body_bytes: int,
        trusted_proxies: tuple[Network, ...],
        probes: dict[str, Probe],
        turn_end: TurnEnd,
        sample_every: int,
        internal_keys: Sequence[str],
        traces: Traces | None,
    ) -> None:
        """turn_end: how a front that knows of it lets answers leave; sample_every: one call of so many gets its stages timed;
        internal_keys: who may ask how long the stages of their call took; traces: None = no call can have one."""
        self._internal_keys = internal_keys
        self.turn_end = turn_end
        self._pipeline = pipeline
        self._batch_pipeline = batch_pipeline
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._trusted = trusted_proxies
        self._probes = probes
        self._ids = RequestIds()
        self._traces = traces
        self._sample_every = self._until_sample = sample_every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway does not speak {scope['type']}")
        path = scope["path"]
        if path == PATH:
            await self._answer_call(scope, receive, send, self.answer)
        elif path == BATCH_PATH:
            await self._answer_call(scope, receive, send, self.answer_batch)
        elif path in self._probes:
            await self._answer_probe(path, scope, send)
        else:
            await _send(
                send,
                404,
                b"text/plain;charset=utf-8",
                b"Not found. Calls go to /router/rest, batches to /router/batch\n",
            )

    async def answer(
        self, method: str, query: bytes, headers: Headers, body: bytes, client: str, *, too_large: bool = False
    ) -> tuple[int, Headers, bytes]:
        """One call through the pipeline: status, headers and body of its answer. This is the lane that leaves ASGI out, too.

        headers: the request's, names in lower case; client: the peer's address, without port.
        """
        call = self._new(Call, method, query, headers, body, client, too_large)
        await self._pipeline.run(call)
        if call.shows_stamps and call.stamps is not None:
            call.headers.append((stage_times.ANSWER_HEADER.encode(), stage_times.shown(call.stamps).encode()))
        return call.status, call.headers, call.answer

    async def answer_batch(
        self, method: str, query: bytes, headers: Headers, body: bytes, client: str, *, too_large: bool = False
    ) -> tuple[int, Headers, bytes]:
        """The same for a batch of calls."""
        call = self._new(Batch, method, query, headers, body, client, too_large)
        call.separator = dict(headers).get(SEPARATOR_HEADER, SEPARATOR)
        await self._batch_pipeline.run(call)
        return call.status, call.headers, call.answer

    async def _answer_call(self, scope: Scope, receive: Receive, send: Send, by: Answerer) -> None:
        message = await receive()
        body = message.get("body", b"")
        if message.get("more_body", False):
            whole = bytearray(body)
            while message.get("more_body", False) and len(whole) <= self._max_body_bytes:
                message = await receive()
                whole += message.get("body", b"")
            body = bytes(whole)
        if message["type"] == "http.disconnect":
            return
        too_large = len(body) > self._max_body_bytes
        client = scope["client"][0] if scope["client"] else "0.0.0.0"  # noqa: S104  # in a record; nothing listens there
        status, headers, answer = await by(
            scope["method"],
            scope["query_string"],
            scope["headers"],
            b"" if too_large else body,
            client,
            too_large=too_large,
        )
        if too_large:
            headers.append((b"connection", b"close"))  # what is left of the body is not read
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _new(
        self, kind: type[C], method: str, query: bytes, headers: Headers, body: bytes, client: str, too_large: bool
    ) -> C:
        started = self._clock.monotonic()
        content_type, accepts_gzip, forwarded, asks_times = "", False, "", b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"accept-encoding":
                accepts_gzip = b"gzip" in value and _GZIP_REFUSED.search(value) is None
            elif name == b"x-forwarded-for":
                forwarded = value.decode("latin-1")
            elif name == _ASKS_TIMES:
                asks_times = value
        call = kind(
            request_id=self._ids.next(),
            http_method=method,
            query=query,
            content_type=content_type,
            body=body,
            remote_ip=caller_address(client, forwarded, self._trusted) if forwarded and self._trusted else client,
            received_at=self._clock.now(),
            started=started,
            accepts_gzip=accepts_gzip,
            too_large=too_large,
        )
        self._until_sample -= 1
        if not self._until_sample:
            self._until_sample = self._sample_every
            call.stamps = []
        if asks_times and stage_times.is_asked(self._internal_keys, asks_times, query, body, now=call.received_at):
            call.shows_stamps = True
            call.stamps = []
        if self._traces is not None:
            self._traces.begin(call, headers, client)
        return call

    async def _answer_probe(self, path: str, scope: Scope, send: Send) -> None:
        if path != "/healthz" and not self._may_probe(scope):
            await _send(send, 403, b"text/plain;charset=utf-8", b"This path answers loopback and trusted peers only.\n")
            return
        answer = self._probes[path]()
        status, content_type, body = answer if isinstance(answer, tuple) else await answer
        await _send(send, status, content_type.encode(), body)

    def _may_probe(self, scope: Scope) -> bool:
        client = scope["client"]
        address = parse_address(client[0]) if client else None
        if address is None:
            return False
        # A proxy on loopback passes other people's requests on: what it forwards is not loopback's own.
        forwarded = any(name == b"x-forwarded-for" for name, _ in scope["headers"])
        return (address.is_loopback and not forwarded) or any(address in network for network in self._trusted)


def _send(send: Send, status: int, content_type: bytes, body: bytes) -> Awaitable[Any]:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]

    async def both() -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return both()
