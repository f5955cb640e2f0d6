"""Requests as bytes, their answers as bytes, and the rule that every row of the matrix is held to.

Bytes, since a client library would repair what is wrong with them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from openplatform.protocol import encode_query
from openplatform.records import CallLog
from tests.gateway_world import World

FORM = b"application/x-www-form-urlencoded;charset=utf-8"
ANSWERED_WITHIN_S = 120

Refused = tuple[int, str]
"""code and sub_code of the error that a row ends with."""
Made = Callable[[World], bytes]
"""Makes a row's request."""


@dataclass(frozen=True)
class Answer:
    """status 0: the connection was closed without one; log: the record, None when there is none, as for broken framing."""

    status: int
    head: bytes
    body: bytes
    log: CallLog | None

    @property
    def echo(self) -> dict[str, Any]:
        """The parameters that the service got."""
        (root,) = orjson.loads(self.body).values()
        return dict(root["echo"])


def post(
    params: Mapping[str, str] | bytes = b"", *, query: bytes = b"", content_type: bytes = FORM, head: bytes = b""
) -> bytes:
    """A POST with a form, or with any body."""
    body = params if isinstance(params, bytes) else encode_query(params).encode()
    length = b"Content-Length: %d\r\nContent-Type: %b\r\n" % (len(body), content_type)
    return request(b"POST", query, length + head) + body


def get(params: Mapping[str, str] | bytes, *, head: bytes = b"") -> bytes:
    """A GET with everything in the query."""
    return request(b"GET", params if isinstance(params, bytes) else encode_query(params).encode(), head)


def request(method: bytes, query: bytes, head: bytes = b"") -> bytes:
    """The head of a request of /router/rest."""
    line = method + b" /router/rest" + (b"?" + query if query else b"") + b" HTTP/1.1\r\n"
    return line + b"Host: gateway\r\nConnection: close\r\n" + head + b"\r\n"


def multipart(params: Mapping[str, str], *parts: bytes, boundary: bytes = b"B") -> bytes:
    """A POST with text parts for the parameters, and parts of any form behind them."""
    text = [
        b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (k.encode(), v.encode()) for k, v in params.items()
    ]
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in [*text, *parts]) + b"--%b--\r\n" % boundary
    return post(body, content_type=b"multipart/form-data; boundary=" + boundary)


def file_part(name: bytes, content: bytes, file_name: bytes = b"a.png") -> bytes:
    """A file, as a part of a multipart body."""
    return b'Content-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: image/png\r\n\r\n%b' % (
        name,
        file_name,
        content,
    )


async def exchange(world: World, data: bytes, *, and_hang_up: bool = False) -> tuple[bytes, list[CallLog]]:
    """Sends the bytes on a connection of its own and reads until the gateway closes it; takes the records that it left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    said = b""
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            with contextlib.suppress(ConnectionError):  # refused while the bytes are still on their way
                writer.write(data)
                await writer.drain()
                if and_hang_up:
                    writer.write_eof()
            while part := await reader.read(2**16):
                said += part
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return said, await world.logs()


async def ask(world: World, data: bytes, *, and_hang_up: bool = False) -> Answer:
    """The same for one request, which leaves one record at the most."""
    said, logs = await exchange(world, data, and_hang_up=and_hang_up)
    assert len(logs) <= 1, logs
    head, _, body = said.partition(b"\r\n\r\n")
    return Answer(int(said[9:12] or 0), head, body, logs[0] if logs else None)


async def check(
    world: World, data: bytes, expected: Refused | int | dict[str, str], caplog: pytest.LogCaptureFixture
) -> Answer:
    """The rule of the matrix. expected: the error; or the bare status; or the parameters that the service must get.

    One documented code, one record (none of broken framing), nothing at the service of what is refused, no traceback anywhere,
    and the process serves the next caller.
    """
    before = len(world.seen)
    answer = await ask(world, data)
    if isinstance(expected, int):
        assert answer.status == expected, answer
        assert answer.log is None
        assert b"onnection: close" in answer.head
    else:
        assert answer.status == 200, answer
        assert answer.log is not None
        assert answer.log.requestId.encode() in answer.head
        if isinstance(expected, dict):
            assert (answer.echo, answer.log.errorCode) == (expected, "0"), answer
        else:
            assert error_of(answer.body) == expected, answer
            assert answer.log.errorCode == ":".join([str(expected[0]), *filter(None, [expected[1]])])
    assert len(world.seen) - before == isinstance(expected, dict)
    assert b"Traceback" not in answer.body
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert (await ask(world, get(world.signed(alive="yes")))).echo == {"alive": "yes"}
    return answer


def error_of(body: bytes) -> Refused:
    """code and sub_code of an error envelope, JSON or XML."""
    if body[:1] == b"<":
        root = ElementTree.fromstring(body)
        assert root.tag == "error_response"
        return int(root.findtext("code", "")), root.findtext("sub_code", "")
    envelope = orjson.loads(body)
    assert list(envelope) == ["error_response"]
    error = envelope["error_response"]
    assert set(error) <= {"code", "msg", "sub_code", "sub_msg", "request_id"}
    return error["code"], error.get("sub_code", "")
