"""The service behind the gateway: does what its behaviour says, and remembers which calls it saw and for whom."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.closing import stop_accepting
from tests.faults.ledger import Ledger
from tests.servers import free_port

Behaviour = Callable[["FakeService", asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request that was read and counted; False = the connection is over."""

_N = re.compile(rb'(?:[?&]n=|"n":")(n\d+)')
_VENDER = re.compile(rb"x-vender-id: (\d+)", re.IGNORECASE)


def http_answer(body: bytes, *, status: int = 200, headers: bytes = b"") -> bytes:
    """A whole answer with Content-Length."""
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    return head % (status, headers, len(body)) + body


async def well(service: "FakeService", writer: asyncio.StreamWriter) -> bool:
    """A small good answer."""
    writer.write(http_answer(b'{"ok":true}'))
    return True


class FakeService:
    """One instance on its own port. behaviour: for every request from now on; connections: how many are open now."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.behaviour: Behaviour = well
        self.port = free_port()  # none that a caller may be given while nobody listens here
        self.requests = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens; again after it was closed."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)

    async def kill(self) -> None:
        """What the kernel does for a process that is killed: the port closes, every connection is reset."""
        if self._server is not None:
            await stop_accepting(self._server.sockets)
            self._server.close()
        for writer in tuple(self._writers):
            reset(writer)

    async def close(self) -> None:
        """Kills it, and waits for its last connection."""
        await self.kill()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    await writer.drain()
        finally:
            self.connections -= 1
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        request = head + (await reader.readexactly(int(length[1])) if length else b"")
        self.requests += 1
        if found := _N.search(request):
            n = found[1].decode()
            self.ledger.seen[n] += 1
            if vender := _VENDER.search(head):
                self.ledger.venders[n] = vender[1].decode()
        return await self.behaviour(self, writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def fake_service(ledger: Ledger) -> AsyncIterator[FakeService]:
    """A running instance."""
    service = FakeService(ledger)
    await service.start()
    try:
        yield service
    finally:
        await service.close()
