"""A real uvicorn server with the gateway's front, in the test's own loop, and a caller that writes bytes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from gateway.front import FrontBounds, front_protocol
from gateway.turn_end import TurnEnd
from tests.closing import stop_accepting
from tests.waiting import until


class Server(uvicorn.Server):
    """Leaves the test run's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


class Asked:
    """An application that remembers its requests, answers after `delay_s` and when `may_answer` is set, and can be told to fail;
    `/lane` past ASGI."""

    lane_path = b"/lane"

    def __init__(self) -> None:
        self.by_lane: list[tuple[Any, ...]] = []
        self.scopes: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.disconnects = 0
        self.delay_s = 0.0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.turn_end = TurnEnd(asyncio.get_running_loop())

    async def __call__(self, scope, receive, send) -> None:
        message = await receive()
        assert message["type"] == "http.request"
        assert not message["more_body"]
        self.scopes.append(scope)
        self.bodies.append(message["body"])
        number = len(self.bodies)
        path = scope["path"]
        if path == "/fail":
            raise RuntimeError("a bug")
        if path == "/wait-until-left":
            assert (await receive())["type"] == "http.disconnect"
            self.disconnects += 1
            return
        await self._wait()
        body = b"%d %b %b" % (number, path.encode(), message["body"][:20])
        headers = [(b"content-type", b"text/plain")]
        if path == "/chunked":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for part in (body[:3], body[3:]):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        if path == "/inject":
            headers.append((b"x", b"a\r\ny: b"))
        if path == "/large":
            body = b"x" * 3_000_000
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _wait(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if not self.may_answer.is_set():
            await self.may_answer.wait()

    def read_head(self, method: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[Any, ...]:
        return method, query, headers

    def receive(self, head: tuple[Any, ...], body: bytes, client: str) -> "Laned":
        return Laned((*head, body, client))

    async def run(self, call: "Laned") -> None:
        request = call.request
        self.by_lane.append(request)
        self.bodies.append(request[3])
        number = len(self.bodies)
        if b"fail" in request[1]:
            raise RuntimeError("a bug")
        await self._wait()
        call.answer = b"x" * 3_000_000 if b"large" in request[1] else b"%d lane %b" % (number, request[3][:20])
        call.head = b"content-type: text/plain\r\ncontent-length: %d\r\n" % len(call.answer)
        if b"inject" in request[1]:
            call.headers.append((b"x", b"a\r\ny: b"))


class Laned:
    """A call on the lane: method, query, headers, body, client; and its answer."""

    def __init__(self, request: tuple[Any, ...]) -> None:
        self.request = request
        self.status = 200
        self.head = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.answer = b""


class Caller:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(30):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of the next answer, which must have a Content-Length."""
        head = await self.head()
        status = int(head.split(b" ", 2)[1])
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        async with asyncio.timeout(30):
            return status, head, await self._reader.readexactly(length)

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(30):
            return await self._reader.read()

    async def is_closed(self) -> bool:
        """Whether the server has closed, orderly or not, without another byte."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True


class Served:
    def __init__(self, server: Server, app: Asked, protocol: Any, listener: socket.socket) -> None:
        self.server = server
        self.app = app
        self.protocol = protocol
        self.listener = listener
        self.address: tuple[str, int] = listener.getsockname()
        self._callers: list[Caller] = []

    async def connect(self) -> Caller:
        caller = Caller(*await asyncio.open_connection(*self.address, limit=2**24))
        self._callers.append(caller)
        return caller

    async def ask(self, data: bytes) -> bytes:
        """Sends the bytes on a connection of its own; everything that comes back until the server closes."""
        caller = await self.connect()
        with contextlib.suppress(ConnectionError):
            await caller.send(data)
        return await caller.rest()

    async def drain(self) -> None:
        """Tells the server to stop; every connection has heard of it on return."""
        self.server.should_exit = True
        await until(lambda: self.listener.fileno() < 0)

    async def nobody_left(self) -> None:
        """Returns when the server has no connection and no task."""
        state = self.server.server_state
        await until(lambda: not state.connections and not state.tasks)

    async def hang_up(self) -> None:
        for caller in self._callers:
            caller.writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await caller.writer.wait_closed()


@asynccontextmanager
async def served(**bounds: Any) -> AsyncIterator[Served]:
    """The server, with FrontBounds of the test's own."""
    app = Asked()
    protocol = front_protocol(FrontBounds(**bounds))
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    server.lifespan.state["lane"] = app
    made = Served(server, app, protocol, listener)
    try:
        yield made
    finally:
        if listener.fileno() >= 0:
            await stop_accepting([listener])
        await made.hang_up()
        server.should_exit = True
        await serving
