"""A TCP door in front of a server: open, it passes everything on; shut, connections are refused as if nobody listened."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


class Door:
    """`url` leads through the door to `server_url`; it can be shut and opened any number of times."""

    def __init__(self, server_url: str, port: int) -> None:
        self._parts = urlsplit(server_url)
        self._port = port
        self.url = self._parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Lets connections through."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def shut(self) -> None:
        """Cuts what is there, refuses what comes."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._passing):
            writer.transport.abort()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._passing.add(writer)
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        self._passing.discard(writer)
        writer.close()
