"""The first thing a request meets: an HTTP/1.1 protocol class for uvicorn that lets in nothing it cannot bound or understand.

Who may connect, when a connection ends, whose turn it is to be answered. How requests are read stands in reader.py.
"""

import asyncio
import copyreg
import logging
from collections import deque
from math import inf
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.front.bounds import FrontBounds
from gateway.front.deadline import Deadline
from gateway.front.door import Door
from gateway.front.exchange import Exchange
from gateway.front.lane import LANE, Lane, LaneCall, render
from gateway.front.reader import RequestReader
from gateway.front.refusal import BARE_ANSWERS, Refused
from gateway.front.request import Request
from gateway.turn_end import TurnEnd

log = logging.getLogger(__name__)

_DRAIN_IDLE_S = 0.2
"""How long an idle connection of a draining process waits for a request that may be on its way already."""


class FrontType(type):
    """A class made by `front_protocol` travels to uvicorn's worker processes as the call that makes it."""

    bounds: FrontBounds


class FrontProtocol(HttpToolsProtocol, metaclass=FrontType):
    """One connection. Made by uvicorn; subclasses made by `front_protocol` carry the bounds and the process's door."""

    bounds: ClassVar[FrontBounds]
    door: ClassVar[Door]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser = None  # type: ignore[assignment]  # ours is the reader's
        self._deadline = Deadline(self.loop, self._on_time)
        self._reader: RequestReader
        self._current: Request | None = None  # the one that is being answered
        self._exchange: Exchange | None = None  # its ASGI side, unless the lane answers it
        self._waiting: deque[Request] = deque()  # requests that came before it was answered
        self._timed_part = ""  # of the request being received: what the deadline is for
        self._refusal = 0  # the status that ends the connection, once everything before it is answered
        self._is_deaf = False  # what still comes is dropped
        self._is_admitted = False
        self._is_draining = False
        self._lane: Lane | None = app_state.get(LANE)
        self._turn_end = TurnEnd(self.loop) if self._lane is None else self._lane.turn_end
        self._wake: asyncio.Future[None] | None = None  # what the connection's worker sleeps on
        self._has_worker = False
        self._is_lost = False

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._base_scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "state": self.app_state.copy(),
        }
        self._reader = RequestReader(self.bounds, self.door, self._on_request, self._send_continue)
        descriptor = transport.get_extra_info("socket").fileno()
        self._is_admitted = self.door.admits(self._address, descriptor)
        if self._is_admitted:
            self._deadline.set(self.loop.time() + self.bounds.idle_timeout_s)
        else:
            self._refuse(503)
            if not self.door.may_linger(descriptor):
                transport.close()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        try:
            self._reader.feed(data)
        except Refused as refused:
            self._refuse(refused.status)
        else:
            if self._reader.is_receiving:
                self._time_the_rest()

    def eof_received(self) -> bool:  # type: ignore[override]
        """A caller that has only finished sending still gets the answers it waits for."""
        self._is_deaf = True
        self._reader.drop()
        self._deadline.set(inf)
        if self._current is None or self.scheme != "http":
            self._turn_end.flush()  # its last answer may be among what is held
            return False
        if self._exchange is not None:
            self._exchange.caller_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self._is_deaf = True
        self._deadline.cancel()
        self._reader.close()
        if self._is_admitted:
            self._is_admitted = False
            self.door.leaves(self._address)
        self._waiting.clear()
        self._is_lost = True
        self._wake_worker()
        if self._exchange is not None:
            self._exchange.caller_left()
        self._current = None
        self.flow.resume_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._timed_part:
            self._deadline.set(self.loop.time() + self.bounds.idle_timeout_s)

    def shutdown(self) -> None:
        """The process is draining: requests that have begun are answered, then the connection closes."""
        self._is_draining = True
        if self._current is None and not self._reader.is_receiving:
            self._deadline.set(self.loop.time() + _DRAIN_IDLE_S)

    # --- what an exchange asks for

    def write(self, data: bytes, *, has_more: bool = False) -> None:
        self._turn_end.write(self.transport, data)
        if has_more:
            self._turn_end.flush()  # or `flow` would not know of bytes that the caller does not read

    def answers_begin(self) -> tuple[bytes, bool]:
        default_head, says_close = self.door.default_head(self.server_state.default_headers)
        if not (says_close or self._is_deaf or self._is_draining):
            return default_head, False
        return default_head, not (self._waiting or self._refusal or self._reader.is_receiving)

    def exchange_done(self, *, is_kept: bool) -> None:
        self.server_state.total_requests += 1
        waiting = self._waiting
        self._current = waiting.popleft() if waiting and is_kept else None
        if self.transport.is_closing():
            return
        if not is_kept:
            self._is_deaf = True
            self._turn_end.close(self.transport)
        elif self._current is None and self._refusal:
            self._refuse(self._refusal)
            return
        if not waiting:
            self.flow.resume_reading()
        if not self._timed_part:
            # Idle, or closing while a caller that does not read keeps the answer in our memory.
            self._deadline.set(self.loop.time() + self.bounds.idle_timeout_s)

    # --- inside

    def _on_request(self, request: Request) -> None:
        if self._timed_part:
            self._timed_part = ""
            self._deadline.set(inf)
        if not request.head.keep_alive:
            self._is_deaf = True
        if self._current is None:
            self._current = request
            self._wake_worker()
        elif len(self._waiting) < self.bounds.max_pipelined:
            self._waiting.append(request)
            self.flow.pause_reading()
        else:
            raise Refused(503)

    def _wake_worker(self) -> None:
        if self._wake is not None:
            if not self._wake.done():
                self._wake.set_result(None)
        elif not self._has_worker and self._current is not None:
            self._has_worker = True
            task = self.loop.create_task(self._work())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _work(self) -> None:
        """Answers the connection's requests one after the other. A task for each of them would cost three times as much."""
        lane = self._lane
        try:
            while not self._is_lost:
                request = self._current
                if request is None:
                    self._wake = self.loop.create_future()
                    await self._wake
                    self._wake = None
                elif lane is not None and request.head.path == lane.lane_path:
                    # Here, and not in a coroutine of its own: each costs a call at every resumption.
                    try:
                        call = self._receive(lane, request)
                        await lane.run(call)
                        if self.flow.write_paused:  # earlier answers are still in our memory
                            await self.flow.drain()
                        answer, is_kept = render(call, request.head, *self.answers_begin())
                    except asyncio.CancelledError:
                        self._end_with(BARE_ANSWERS[503], is_kept=False)
                        raise
                    except Exception:
                        log.exception("the application failed")
                        answer, is_kept = BARE_ANSWERS[500], False
                    self._end_with(answer, is_kept=is_kept)
                else:
                    self._exchange = Exchange(self, request)
                    await self._exchange.run(self.app, self._base_scope)
                    self._exchange = None
        finally:
            self._wake = None
            self._has_worker = False

    def _receive(self, lane: Lane, request: Request) -> LaneCall:
        head = request.head
        if head.for_lane is None:
            head.for_lane = lane.read_head(head.method, head.query, head.headers)
        call: LaneCall = lane.receive(head.for_lane, request.body, self._address)
        return call

    def _end_with(self, answer: bytes, *, is_kept: bool) -> None:
        if not self._is_lost:
            self._turn_end.write(self.transport, answer)
            self.exchange_done(is_kept=is_kept)

    def _send_continue(self) -> None:
        if self._current is None:  # otherwise it would stand before the answer to an earlier request
            self._turn_end.write(self.transport, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _time_the_rest(self) -> None:
        """A request has begun and is not whole: from now on it has a deadline, which more bytes do not move."""
        part = "body" if self._reader.head_is_whole else "head"
        if part != self._timed_part:
            self._timed_part = part
            allowed_s = self.bounds.body_timeout_s if part == "body" else self.bounds.head_timeout_s
            self._deadline.set(self.loop.time() + allowed_s)

    def _on_time(self) -> None:
        if self.flow.write_paused:
            self.transport.abort()  # a caller that does not read its answers
        elif self._timed_part and self.flow.read_paused:
            # The rest may be waiting before a door that we keep shut ourselves.
            self._deadline.set(self.loop.time() + self.bounds.head_timeout_s)
        elif self._current is None:
            self.transport.abort()
        elif self._timed_part:
            self._timed_part = ""
            self._is_deaf = True  # ends with the answer that is being made
            self._reader.drop()

    def _refuse(self, status: int) -> None:
        """Ends the connection with a bare status, after the answers to the requests before it."""
        self._is_deaf = True
        self._timed_part = ""
        self._reader.drop()
        if self._current is not None:
            self._refusal = status
            self._deadline.set(inf)
            return
        self._turn_end.write(self.transport, BARE_ANSWERS[status])
        self._turn_end.flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._deadline.set(self.loop.time() + self.bounds.linger_s)
            self.flow.resume_reading()
        else:
            self.transport.close()


def front_protocol(bounds: FrontBounds) -> FrontType:
    """The class for uvicorn's `http=`, with these bounds. Give uvicorn `ws="none"`, and leave its own limits alone: keep-alive,
    concurrency and access log are not its business here."""
    return FrontType("BoundFrontProtocol", (FrontProtocol,), {"bounds": bounds, "door": Door(bounds)})


copyreg.pickle(FrontType, lambda made: (front_protocol, (made.bounds,)))
