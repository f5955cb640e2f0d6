"""The gateway's HTTP door as an ASGI application: runs under any server, knows nothing of the stages."""

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from starlette.types import Receive, Scope, Send

from gateway.call import Batch, Call
from gateway.pipeline import Pipeline
from gateway.tracing import Traces
from gateway.turn_end import TurnEnd
from openplatform import stage_times
from openplatform.addresses import caller_address, parse_address
from openplatform.env import Network
from openplatform.metrics import may_scrape
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


class CallHead(NamedTuple):
    """What a call needs of its request's head.

    forwarded: X-Forwarded-For, "" unless proxies are trusted; separator: of a batch; asks_times: who wants to know how long stages
    took, and the proof that they may.
    """

    method: str
    query: bytes
    content_type: str
    accepts_gzip: bool
    forwarded: str
    separator: bytes
    asks_times: bytes
    headers: Headers


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

    One pipeline behind two doors: called as an ASGI application, or by the front's lane through `read_head`,
    `receive` and `run`. Batches take the former.
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
        self.run = pipeline.run
        self._run_batch = batch_pipeline.run
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._trusted = trusted_proxies
        self._probes = probes
        self._next_id = RequestIds().next
        self._traces = traces
        self._sample_every = self._until_sample = sample_every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway does not speak {scope['type']}")
        path = scope["path"]
        if path in (PATH, BATCH_PATH):
            await self._answer_call(scope, receive, send)
        elif path in self._probes:
            await self._answer_probe(path, scope, send)
        else:
            await _send(
                send,
                404,
                b"text/plain;charset=utf-8",
                b"Not found. Calls go to /router/rest, batches to /router/batch\n",
            )

    def read_head(self, method: str, query: bytes, headers: Headers) -> CallHead:
        """What a call needs of its request's head. headers: names in lower case."""
        content_type, accepts_gzip, forwarded, separator, asks_times = "", False, "", SEPARATOR, b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"accept-encoding":
                accepts_gzip = b"gzip" in value and _GZIP_REFUSED.search(value) is None
            elif name == b"x-forwarded-for":
                forwarded = value.decode("latin-1")
            elif name == SEPARATOR_HEADER:
                separator = value
            elif name == _ASKS_TIMES:
                asks_times = value
        forwarded = forwarded if self._trusted else ""
        return CallHead(method, query, content_type, accepts_gzip, forwarded, separator, asks_times, headers)

    def receive(self, head: CallHead, body: bytes, client: str) -> Call:
        """A call by the front's lane, for `run`. client: the peer's address, without port."""
        return self._new(Call, head, body, client)

    async def _answer_call(self, scope: Scope, receive: Receive, send: Send) -> None:
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
        if too_large:
            body = b""
        client = scope["client"][0] if scope["client"] else "0.0.0.0"  # noqa: S104  # in a record; nothing listens there
        head = self.read_head(scope["method"], scope["query_string"], scope["headers"])
        call: Call
        if scope["path"] == PATH:
            call = self._new(Call, head, body, client, too_large=too_large)
            await self.run(call)
        else:
            call = batch = self._new(Batch, head, body, client, too_large=too_large)
            batch.separator = head.separator
            await self._run_batch(batch)
        headers = call.all_headers()
        if too_large:
            headers.append((b"connection", b"close"))  # what is left of the body is not read
        await send({"type": "http.response.start", "status": call.status, "headers": headers})
        await send({"type": "http.response.body", "body": call.answer})

    def _new(self, kind: type[C], head: CallHead, body: bytes, client: str, *, too_large: bool = False) -> C:
        call = kind(
            request_id=self._next_id(),
            http_method=head.method,
            query=head.query,
            content_type=head.content_type,
            body=body,
            remote_ip=caller_address(client, head.forwarded, self._trusted) if head.forwarded else client,
            received_at=self._clock.now(),
            started=self._clock.monotonic(),
            accepts_gzip=head.accepts_gzip,
            too_large=too_large,
        )
        self._until_sample -= 1
        if not self._until_sample:
            self._until_sample = self._sample_every
            call.stamps = []
        if head.asks_times:
            self._show_times(call, head, body)
        if self._traces is not None:
            self._traces.begin(call, head.headers, client)
        return call

    def _show_times(self, call: Call, head: CallHead, body: bytes) -> None:
        if stage_times.is_asked(self._internal_keys, head.asks_times, head.query, body, now=call.received_at):
            call.shows_stamps = True
            call.stamps = []

    async def _answer_probe(self, path: str, scope: Scope, send: Send) -> None:
        if path != "/healthz" and not self._may_probe(scope) and not may_scrape(scope["headers"], self._internal_keys):
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
