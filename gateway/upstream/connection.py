"""One kept HTTP/1.1 connection to one instance of a service: sends a request, reads its answer, one after the other."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import httptools

from gateway.known_heads import KnownHeads
from gateway.turn_end import TurnEnd
from gateway.upstream.answer import Said, UpstreamAnswer, UpstreamBounds
from gateway.upstream.failures import AnswerUnreadable, AttemptFailed, AttemptLate, ConnectionBroke

_LENGTH, _TRANSFER, _TYPE, _ENCODING = 1, 2, 3, 4
_KINDS = {
    b"content-length": _LENGTH,
    b"transfer-encoding": _TRANSFER,
    b"content-type": _TYPE,
    b"content-encoding": _ENCODING,
}
# As services spell them: a look-up is cheaper than lower() for each header of each answer.
_SPELLED = {**_KINDS, **{name.title(): kind for name, kind in _KINDS.items()}}
_LENGTHS = {len(name) for name in _KINDS}


class ConnectionOwner(Protocol):
    """What a connection tells its pool."""

    bounds: UpstreamBounds
    heads: KnownHeads[Said]
    turn_end: TurnEnd

    def give_back(self, connection: "Connection") -> None:
        """The answer is complete and the connection may carry another request."""

    def forget(self, connection: "Connection") -> None:
        """The connection is closed."""


class Connection(asyncio.Protocol):
    """An asyncio protocol. `exchange` and `abandon` are for one caller at a time, the one that took it from the pool.

    It keeps one timer for all its exchanges: a timer that is set for an earlier time than the deadline of the day looks at
    the clock when it fires and sets itself again, so that most exchanges touch no timer at all.
    """

    __slots__ = (
        "_bounds",
        "_chunks",
        "_deadline",
        "_encoding",
        "_fault",
        "_head_is_whole",
        "_heads",
        "_is_chunked",
        "_is_kept",
        "_is_whole",
        "_length",
        "_loop",
        "_owner",
        "_parser",
        "_status",
        "_surplus",
        "_timer",
        "_timer_at",
        "_transport",
        "_turn_end",
        "_type",
        "_waiter",
        "_was_used",
        "_wire_bytes",
        "idle_since",
        "is_closing",
    )

    def __init__(self, owner: ConnectionOwner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._bounds = owner.bounds
        self._heads = owner.heads
        self._turn_end = owner.turn_end
        self._loop = loop
        self._transport: asyncio.Transport
        self.is_closing: Callable[[], bool]
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[UpstreamAnswer] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._was_used = False
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self._chunks: list[bytes] = []
        self._status = 0
        self._type = b""
        self._encoding = b""
        self._length = -1  # of the body, as the head says; -1: it does not
        self._is_chunked = False
        self._is_kept = False
        self._head_is_whole = False
        self._is_whole = False
        self._surplus = False
        self._fault = ""
        self._wire_bytes = 0

    def exchange(self, request: bytes, deadline: float) -> asyncio.Future[UpstreamAnswer]:
        """Sends a whole request; the future gives its answer, or raises an AttemptFailed.

        It leaves when this turn of the loop ends: requests in a row find the other side awake. deadline: loop time. AttemptLate
        leaves the exchange open; its successor is to be awaited or abandoned.
        """
        self._wire_bytes = 0
        self._turn_end.write(self._transport, request)
        self._deadline = deadline
        if self._timer is None or self._timer_at > deadline:
            self._set_timer(deadline)
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def extend(self, deadline: float) -> None:
        """Sets the time at which the exchange under way is late."""
        self._deadline = deadline
        if self._timer is None or self._timer_at > deadline:
            self._set_timer(deadline)

    def abandon(self, waiter: asyncio.Future[UpstreamAnswer]) -> None:
        """Nobody waits for this answer any more: closes the connection, unless the answer has come already."""
        if self._waiter is waiter:
            self._waiter = None
            self._chunks = []
            self._transport.abort()
        elif waiter.done() and not waiter.cancelled():
            failure = waiter.exception()  # taken notice of, or asyncio would report it as lost
            if isinstance(failure, AttemptLate):
                self.abandon(failure.successor)

    def close(self) -> None:
        self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self.is_closing = transport.is_closing

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None:  # nobody asked: an answer to nothing must not become the next call's answer
            self._transport.abort()
            return
        if not self._wire_bytes:
            known = self._heads.recognise(data)
            if known is not None:
                (status, content_type, encoding), body = known
                self._waiter = None
                self._was_used = True
                self._owner.give_back(self)
                if not waiter.done():
                    waiter.set_result(UpstreamAnswer(status, body, content_type, encoding))
                return
            self._begin()
        self._wire_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(AnswerUnreadable(f"the answer is not HTTP/1.1: {error}"))
            return
        if self._fault:
            self._fail(AnswerUnreadable(self._fault))
        elif self._wire_bytes > self._bounds.max_answer_bytes:
            self._fail(AnswerUnreadable("the answer is too large"))
        elif self._is_whole:
            if self._wire_bytes == len(data) and self._is_kept and not self._surplus:
                self._heads.learn(data, (self._status, self._type, self._encoding), self._length)
            self._finish()
        elif not self._head_is_whole and self._wire_bytes > self._bounds.max_head_bytes:
            self._fail(AnswerUnreadable("the answer's head is too large"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._owner.forget(self)
        if self._waiter is None:
            return
        if error is None and self._head_is_whole and self._length < 0 and not self._is_chunked:
            self._finish()  # an answer without a length ends where the connection ends
            return
        has_begun = self._wire_bytes > 0
        reason = f"the connection broke: {error or 'closed by the service'}"
        self._fail(ConnectionBroke(reason, is_stale=self._was_used and not has_begun, has_begun=has_begun))

    # --- httptools callbacks; raising in one would only be wrapped, so they leave a fault behind

    def on_message_begin(self) -> None:
        if self._is_whole:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        kind = _SPELLED.get(name)
        if kind is None and (len(name) not in _LENGTHS or (kind := _KINDS.get(name.lower())) is None):
            return
        if self._head_is_whole:  # a trailer changes nothing
            return
        if kind == _TYPE:
            self._type = value
        elif kind == _LENGTH:
            self._length = int(value[:16])  # llhttp has refused what is no number
            if self._length > self._bounds.max_answer_bytes:
                self._fault = "the answer is too large"
        elif kind == _ENCODING:
            self._encoding = value
        elif value.lower() == b"chunked":
            self._is_chunked = True
        else:
            self._fault = "the answer has an unknown transfer coding"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            if self._is_whole:
                return
            self._status = status
            self._is_kept = self._parser.should_keep_alive()
            self._head_is_whole = True
        elif status < 100 or status == 101:
            self._fault = f"the answer has the status {status}"

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self._head_is_whole:  # otherwise it was an interim answer (1xx)
            self._is_whole = True

    # --- inside

    def _finish(self) -> None:
        waiter, self._waiter = self._waiter, None
        # Not kept with the connection: the parser and it hold each other, and only the collector frees them together.
        chunks, self._chunks = self._chunks, []
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        answer = UpstreamAnswer(self._status, body, self._type, self._encoding)
        if self._is_kept and not self._surplus:
            self._was_used = True
            self._owner.give_back(self)
        else:
            self._transport.abort()
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)

    def _fail(self, failure: AttemptFailed) -> None:
        waiter, self._waiter = self._waiter, None
        self._chunks = []
        self._transport.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(failure)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        # uvloop's clock counts whole milliseconds, and a timer may come one early
        if self._deadline - self._loop.time() > 0.0015:
            self._set_timer(self._deadline)
        else:
            self._waiter = self._loop.create_future()
            waiter.set_exception(AttemptLate(self._waiter))
