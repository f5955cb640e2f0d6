"""A TCP proxy before a store: passes bytes on, late, or only one way, or not at all, or answers in the store's stead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.closing import stop_accepting
from tests.faults.upstream import reset
from tests.servers import free_port


class Proxy:
    """port: where clients connect; delay_s: added to every reply; drops_replies: requests go through, replies vanish; hangs:
    nothing passes in either direction; says: sent for every chunk that comes, and nothing goes through."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.port = free_port()  # none that a caller may be given while nobody listens here
        self.delay_s = 0.0
        self.drops_replies = False
        self.says: bytes | None = None
        self.dropped = 0
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def hangs(self) -> bool:
        return not self._may_pass.is_set()

    @hangs.setter
    def hangs(self, value: bool) -> None:
        if value:
            self._may_pass.clear()
        else:
            self._may_pass.set()

    def cut(self) -> None:
        """Resets every connection there is."""
        for writer in tuple(self._writers):
            reset(writer)

    async def start(self) -> None:
        """Listens; again after it was closed."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Cuts what is there, refuses what comes."""
        assert self._server is not None
        await stop_accepting(self._server.sockets)
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = {writer}
        try:
            with suppress(OSError, asyncio.CancelledError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
                writers.add(far_writer)
                self._writers |= writers
                there = asyncio.create_task(self._requests(reader, writer, far_writer))
                back = asyncio.create_task(self._replies(far_reader, writer))
                try:
                    await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for side in (there, back):
                        side.cancel()
                    await asyncio.gather(there, back, return_exceptions=True)
        finally:
            self._writers -= writers
            self._tasks.discard(task)
            for one in writers:
                one.close()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            await self._may_pass.wait()
            if self.says is not None:
                writer.write(self.says)
            else:
                far.write(data)

    async def _replies(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await far.read(65536):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._may_pass.wait()
            if self.drops_replies:
                self.dropped += 1
            else:
                writer.write(data)


@asynccontextmanager
async def proxy_before(port: int) -> AsyncIterator[Proxy]:
    """A running proxy to 127.0.0.1:port."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
