"""One request and its answer as ASGI sees them: the whole body at once, head and body of the answer in one write."""

import asyncio
import logging
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.front.refusal import BARE_ANSWERS
from gateway.front.request import Request

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]


class Wire(Protocol):
    """What an exchange needs of its connection."""

    flow: FlowControl

    def write(self, data: bytes, *, has_more: bool = False) -> None:
        """Sends a piece of the answer, together with what else is answered now. has_more: more of it will follow."""

    def answers_begin(self) -> tuple[bytes, bool]:
        """Header lines of every answer, and whether the connection ends with this one: the process is draining, or the caller has
        sent its last byte, and nothing else waits."""

    def exchange_done(self, *, is_kept: bool) -> None:
        """The answer is written; `is_kept` False: the connection ends with it."""


class Exchange:
    """The server's side of one request.

    Unlike a general server's it is made when the whole request is there, so that no application ever meets a request that is
    truncated, too large or too slow. An answer without Content-Length goes out in chunks.
    """

    __slots__ = (
        "_asked", "_has_ended", "_head", "_is_bodyless", "_is_chunked", "_is_kept", "_left_future", "_length", "_wire",
        "has_left", "is_answered", "request",
    )  # fmt: skip

    def __init__(self, wire: Wire, request: Request) -> None:
        self._wire = wire
        self.request = request
        self._asked = False
        self._head: bytes | None = None
        self._is_bodyless = False
        self._is_chunked = False
        self._is_kept = False
        self._length: int | None = None  # bytes of the body still to come, where that is promised
        self._left_future: asyncio.Future[None] | None = None
        self._has_ended = False
        self.has_left = False
        self.is_answered = False

    async def run(self, app: Callable[..., Any], base_scope: Scope) -> None:
        """Lets an ASGI application answer; whatever it does, the caller gets an answer or a closed connection.

        base_scope: what the scopes of all requests of the connection share.
        """
        try:
            await app(self._scope(base_scope), self.receive, self.send)
        except BaseException as error:
            self._recover(error)
            if not isinstance(error, Exception):
                raise
        else:
            if not self.is_answered and not self.has_left:
                self._recover(RuntimeError("the application returned without a whole answer"))

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self.request.body, "more_body": False}
        if not (self.has_left or self.is_answered or self._has_ended):
            self._left_future = self._left_future or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._left_future)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.has_left:
            return
        kind = message["type"]
        if kind == "http.response.start":
            if self._head is not None:
                raise RuntimeError("the answer has begun already")
            self._head = self._render_head(message["status"], message.get("headers", ()))
            if self._wire.flow.write_paused:  # earlier answers are still in our memory
                await self._wire.flow.drain()  # ends when the caller has left, too
            return
        if kind != "http.response.body" or self._head is None or self.is_answered:
            raise RuntimeError(f"{kind} is out of turn")
        self._write(message.get("body", b""), message.get("more_body", False))
        if self._wire.flow.write_paused and not self.is_answered:
            await self._wire.flow.drain()  # ends when the caller has left, too

    def caller_ended(self) -> None:
        """The caller sends nothing more: it has left, or only waits for its answer; the application hears the former."""
        self._has_ended = True
        self._wake()

    def caller_left(self) -> None:
        """The connection is gone: nothing can be answered any more."""
        self.has_left = True
        self._wake()

    def _write(self, body: bytes, has_more: bool) -> None:
        if self._is_bodyless:
            body = b""
        elif self._is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk if has_more else chunk + b"0\r\n\r\n"
        elif self._length is not None:
            self._length -= len(body)
            if self._length < 0 or (self._length and not has_more):
                raise RuntimeError("the answer is not as long as its Content-Length says")
        if self._head:
            body, self._head = self._head + body, b""
        if body:
            self._wire.write(body, has_more=has_more)
        if not has_more:
            self.is_answered = True
            if self._left_future is not None:
                self._wake()
            self._wire.exchange_done(is_kept=self._is_kept)

    def _render_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        lines = []
        asked = self.request.head
        default_head, is_last = self._wire.answers_begin()
        is_kept = asked.keep_alive and not is_last
        for name, value in headers:
            if name == b"content-length":
                self._length = int(value)
            elif name == b"connection":
                is_kept = is_kept and b"close" not in value.lower()
                continue
            elif name == b"transfer-encoding":
                continue  # ours to say
            lines.append(b"%b: %b\r\n" % (name, value))
        if status < 200 or status in (204, 304) or asked.method == "HEAD":
            self._is_bodyless = True
        elif self._length is None:
            if asked.version == "1.1":
                self._is_chunked = True
                lines.append(b"transfer-encoding: chunked\r\n")
            else:  # HTTP/1.0 knows no chunks: the end of the connection is the end of the answer
                is_kept = False
        if not is_kept:
            lines.append(b"connection: close\r\n")
        self._is_kept = is_kept
        block = b"".join(lines)
        if block.count(b"\n") != len(lines) or block.count(b"\r") != len(lines):
            raise RuntimeError("a header of the answer holds a line break")
        return b"%b%b%b\r\n" % (STATUS_LINE[status], default_head, block)

    def _scope(self, base: Scope) -> Scope:
        head = self.request.head
        path = head.path.decode("ascii")
        return {
            **base,
            "http_version": head.version,
            "method": head.method,
            "path": unquote(path) if "%" in path else path,
            "raw_path": head.path,
            "query_string": head.query,
            "headers": head.headers.copy(),
        }

    def _recover(self, error: BaseException) -> None:
        is_fault = not isinstance(error, asyncio.CancelledError)  # otherwise the process is ending
        if is_fault:
            log.error("the application failed", exc_info=error)
        if self.is_answered or self.has_left:
            return
        self.is_answered = True
        if self._head is None or self._head:  # nothing of the answer is on the wire
            self._wire.write(BARE_ANSWERS[500 if is_fault else 503])
        self._wire.exchange_done(is_kept=False)

    def _wake(self) -> None:
        if self._left_future is not None and not self._left_future.done():
            self._left_future.set_result(None)
