"""Bytes out, bytes in: for requests that a client library would repair, and answers that it would interpret."""

import asyncio
from typing import NamedTuple


class RawAnswer(NamedTuple):
    """head: the status line; headers: names in lower case."""

    head: str
    headers: dict[str, str]
    body: bytes


async def exchange(port: int, request: bytes, *, pieces: tuple[bytes, ...] = (), within_s: float = 120.0) -> RawAnswer:
    """Sends a request that ends its connection, the pieces after what came first, and gives the last answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(within_s):
            writer.write(request)
            for piece in pieces:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(piece)
            raw = await reader.read()
    finally:
        writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return RawAnswer(status, headers, body)


def form_post(body: str | bytes, *headers: str, path: str = "/router/rest", content_type: str | None = None) -> bytes:
    """A POST that closes its connection; a form unless told otherwise, no header besides those that it needs."""
    data = body.encode() if isinstance(body, str) else body
    kind = content_type or "application/x-www-form-urlencoded"
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + data
