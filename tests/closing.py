"""Closing a port of this process's own without losing a connection that has just come."""

import asyncio
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Iterable


async def stop_accepting(listeners: Iterable[socket.socket | TransportSocket]) -> None:
    """What was accepted is a connection of its server's now, which may be closed, and nothing more is accepted.

    asyncio's `close()` alone loses a connection accepted in the same turn of the loop (before Python 3.12), and another test
    fails for it: whichever runs when the unclosed transport is collected.
    """
    loop = asyncio.get_running_loop()
    for listener in listeners:
        loop.remove_reader(listener.fileno())
    for _ in range(3):  # accepted, attached to its server, handed to its protocol
        await asyncio.sleep(0)
