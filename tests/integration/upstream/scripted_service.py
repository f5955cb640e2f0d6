"""A service behind the gateway that does exactly what a test says, over a real socket on loopback."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from gateway.upstream import UpstreamBounds, Upstreams
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import Instance
from tests.closing import stop_accepting
from tests.servers import free_port

Conversation = Callable[["ScriptedService", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ScriptedService:
    """requests: every whole request that came, with its head; connections: how many were made."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.requests: list[bytes] = []
        self.connections = 0
        self.address = ""
        self._server: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        """Listens at a port that stays this service's while it is stopped: no client's own end of a connection takes it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or free_port())
        host, bound = self._server.sockets[0].getsockname()
        self.address = f"{host}:{bound}"

    async def stop(self) -> None:
        """Closes the port and every connection."""
        await stop_accepting(self._server.sockets)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            reset(writer)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def read_request(self, reader: asyncio.StreamReader) -> bytes | None:
        """One whole request with a Content-Length, or None when the gateway has closed."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            request = head + await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.requests.append(request)
        return request

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(ConnectionError):
                await self._conversation(self, reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)
            self._writers.discard(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST, as a process that is killed does."""
    wire = writer.get_extra_info("socket")
    if wire is not None:  # uvloop's word for a connection that is gone already
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def answer(body: bytes = b'{"ok":true}', status: int = 200, headers: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
        % (status, headers, len(body))
    ) + body


def answering(*answers: bytes) -> Conversation:
    """Gives the answers in turn, the last one for ever, over all connections."""
    given = iter(answers)
    last = answers[-1]

    async def converse(service: ScriptedService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await service.read_request(reader) is not None:
            writer.write(next(given, last))
            await writer.drain()

    return converse


def slowly(delay_s: float, said: bytes) -> Conversation:
    """The answer to every request, after a pause."""

    async def converse(service: ScriptedService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await service.read_request(reader) is not None:
            await asyncio.sleep(delay_s)
            writer.write(said)

    return converse


def saying(*parts: bytes | float, then: str = "close") -> Conversation:
    """To each connection's first request: the parts, numbers being pauses in seconds; then `close`, `reset` or `hang`."""

    async def converse(service: ScriptedService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await service.read_request(reader) is None:
            return
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        if then == "reset":
            reset(writer)
        elif then == "hang":
            await reader.read()  # until the gateway closes

    return converse


class FixedDirectory:
    """A directory with a list that tests change; `is_down` makes it fail."""

    def __init__(self, instances: Mapping[str, Sequence[str]]) -> None:
        self.listed = dict(instances)
        self.is_down = False
        self.asked = 0
        self.weights: dict[str, int] = {}

    async def beat(self, instance: Instance) -> None:
        raise NotImplementedError

    async def leave(self, instance: Instance) -> None:
        raise NotImplementedError

    async def instances(self, service_id: str) -> Sequence[Instance]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_down:
            raise PLATFORM_UNAVAILABLE("the directory is down")
        found = []
        for address in self.listed.get(service_id, ()):
            host, _, port = address.rpartition(":")
            found.append(
                Instance(service_id=service_id, host=host, port=int(port), weight=self.weights.get(address, 100))
            )
        return found


@asynccontextmanager
async def running(*conversations: Conversation) -> AsyncIterator[list[ScriptedService]]:
    services = [ScriptedService(conversation) for conversation in conversations]
    for service in services:
        await service.start()
    try:
        yield services
    finally:
        for service in services:
            await service.stop()


@asynccontextmanager
async def upstreams_to(*addresses: str, bounds: UpstreamBounds | None = None) -> AsyncIterator[Upstreams]:
    """Upstreams with one service, `svc`, pinned to the addresses. They wait long for a connection: this very process accepts it."""
    patient = replace(bounds or UpstreamBounds(), connect_timeout_s=30.0)
    upstreams = Upstreams(FixedDirectory({}), pinned={"svc": addresses}, bounds=patient)
    try:
        yield upstreams
    finally:
        await upstreams.aclose()
        await asyncio.sleep(0)  # aborted transports tell their protocols in the next turn


GET = b"GET /x HTTP/1.1\r\nHost: svc\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: svc\r\nContent-Length: 2\r\n\r\n"
