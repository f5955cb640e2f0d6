"""What a failing service does with a request that it has read: scripts for `FakeService.behaviour`."""

import asyncio
import gzip
import itertools
from collections.abc import Sequence

from tests.faults.upstream import Behaviour, FakeService, http_answer, reset, well

SECRET_TEXT = b"stack trace of the service"
"""What a broken answer holds, and no caller may see."""


def after(delay_s: float) -> Behaviour:
    """A good answer, late."""

    async def behave(service: FakeService, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(delay_s)
        return await well(service, writer)

    return behave


async def never(service: FakeService, writer: asyncio.StreamWriter) -> bool:
    """Nothing, and the connection stays open."""
    await asyncio.sleep(3600)
    return False


async def resets(service: FakeService, writer: asyncio.StreamWriter) -> bool:
    """RST once the request has come: it may have been carried out."""
    reset(writer)
    return False


def says(answer: bytes, *, then_closes: bool = True) -> Behaviour:
    """These bytes, whatever they are."""

    async def behave(service: FakeService, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        return not then_closes

    return behave


def drips(start: bytes, drop: bytes = b"x", *, every_s: float = 0.5) -> Behaviour:
    """The start at once, then one drop every half second."""

    async def behave(service: FakeService, writer: asyncio.StreamWriter) -> bool:
        writer.write(start)
        while not writer.is_closing():
            await asyncio.sleep(every_s)
            writer.write(drop)
        return False

    return behave


def pours(head: bytes, piece: bytes, pieces: int) -> Behaviour:
    """An endless body, as fast as it is taken."""

    async def behave(service: FakeService, writer: asyncio.StreamWriter) -> bool:
        writer.write(head)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
        return False

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, over all connections."""
    turn = itertools.cycle(behaviours)

    async def behave(service: FakeService, writer: asyncio.StreamWriter) -> bool:
        return await next(turn)(service, writer)

    return behave


BROKEN = says(http_answer(b'{"sub_code":"isp.broken"}', status=500), then_closes=False)
"""A proper 500."""
FLAPPING = in_turn(BROKEN, BROKEN, BROKEN, BROKEN, well)
"""Four of five fail: what a count of failures in a row never notices."""

_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
GARBAGE: dict[str, Behaviour] = {
    "status-line": says(b"\x00\xffHTP/9 " + SECRET_TEXT + b"\r\n\r\n"),
    "truncated": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + SECRET_TEXT),
    "chunk": says(_CHUNKED + b"zz\r\n" + SECRET_TEXT + b"\r\n"),
    "charset": says(http_answer('{"text":"红色"}'.encode("gbk"), headers=b"X-Was: charset\r\n"), then_closes=False),
    "json": says(http_answer(b'{"ok":' + SECRET_TEXT), then_closes=False),
    "error-page": says(http_answer(b"<html>" + SECRET_TEXT, status=500), then_closes=False),
}

_MEBIBYTE = b"x" * 2**20
HUGE: dict[str, Behaviour] = {
    "length": pours(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", _MEBIBYTE, 1000),
    "chunked": pours(_CHUNKED, b"100000\r\n" + _MEBIBYTE + b"\r\n", 1000),
}


def gzip_bomb(decoded_mb: int = 100) -> Behaviour:
    """A small answer that unpacks to hundreds of megabytes."""
    packed = gzip.compress(b'{"ok":"' + b"0" * (decoded_mb * 1_000_000) + b'"}', compresslevel=1)
    return says(http_answer(packed, headers=b"Content-Encoding: gzip\r\n"), then_closes=False)


DRIPS: Sequence[tuple[str, Behaviour]] = (
    ("headers", drips(b"HTTP/1.1 200 OK\r\nX-Slow: ")),
    ("body", drips(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{")),
)
