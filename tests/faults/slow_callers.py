"""Callers who mean harm, or are only very slow: connections that send a byte a second, or nothing at all."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.faults.ledger import now

PER_ADDRESS = 150
"""Below the gateway's bound on connections of one address, so that these are let in."""


class SlowCallers:
    """opened: connections made; dripping: those of them that send; closed_after: seconds that the gateway kept each dripping one."""

    def __init__(self) -> None:
        self.opened = 0
        self.dripping = 0
        self.closed_after: list[float] = []
        self.refused = 0

    async def open(self, port: int, number: int) -> None:
        """Half of them drip the bytes of a head, half keep silent; from as many addresses as it takes. Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for n in range(number):
                tasks.create_task(
                    self._one(port, f"127.0.{1 + n // PER_ADDRESS // 250}.{2 + n // PER_ADDRESS % 250}", n % 2 == 0)
                )
                if n % 100 == 99:
                    await asyncio.sleep(0.05)

    async def _one(self, port: int, address: str, drips: bool) -> None:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(address, 0), family=socket.AF_INET
            )
        except OSError:
            self.refused += 1
            return
        self.opened += 1
        opened = now()
        try:
            if not drips:
                await reader.read()
                return
            self.dripping += 1
            writer.write(b"POST /router/rest HTTP/1.1\r\nHost: g\r\nX-Slow: ")
            closing = asyncio.create_task(reader.read())
            while not closing.done():
                await asyncio.wait({closing}, timeout=1.0)
                writer.write(b"x")
            self.closed_after.append(now() - opened)
        except OSError:
            self.closed_after.append(now() - opened)
        finally:
            with suppress(Exception):
                writer.transport.abort()


@asynccontextmanager
async def slow_callers(port: int, number: int) -> AsyncIterator[SlowCallers]:
    """That many of them while the block runs."""
    callers = SlowCallers()
    task = asyncio.create_task(callers.open(port, number))
    try:
        yield callers
    finally:
        task.cancel()
        await asyncio.wait({task})
