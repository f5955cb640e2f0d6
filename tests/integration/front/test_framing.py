"""HTTP framing over raw sockets: what is refused with a bare status and a closed connection, and what is served."""

import asyncio
import re

import pytest

from tests.integration.front.malformed import CHUNKED, GET, MALFORMED, POST
from tests.integration.front.served import served


async def test_malformed_requests_get_400_and_are_closed() -> None:
    """A bare 400 says Connection: close, the connection closes, the application hears nothing."""
    async with served() as door:
        for what, request in MALFORMED.items():
            said = await door.ask(request)
            assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n"), (what, said)
            assert b"\r\nConnection: close\r\n" in said, what
            assert said.count(b"HTTP/1.1") == 1, what
            assert door.app.bodies == [], what


@pytest.mark.parametrize("what", ["two Hosts", "LF after a header", "0x in a chunk", "length and transfer coding"])
async def test_malformed_requests_byte_by_byte_get_400_too(what: str) -> None:
    """Packet borders do not open a gap."""
    async with served() as door:
        caller = await door.connect()
        for position in range(len(MALFORMED[what])):
            try:
                await caller.send(MALFORMED[what][position : position + 1])
            except ConnectionError:
                break
            await asyncio.sleep(0)
        assert (await caller.rest()).startswith(b"HTTP/1.1 400 ")


async def test_nothing_after_a_refused_request_is_read() -> None:
    """A request that hides behind a malformed one is not served."""
    async with served() as door:
        said = await door.ask(MALFORMED["length and transfer coding"] + GET * 3)
        assert said.count(b"HTTP/1.1") == 1
        assert door.app.bodies == []


async def test_a_malformed_request_does_not_overtake_the_answers_before_it() -> None:
    """Pipelined: the good requests are answered in their order, then comes the 400."""
    async with served() as door:
        door.app.delay_s = 0.02
        said = await door.ask(GET + POST + b"Content-Length: 2\r\n\r\nhi" + MALFORMED["two Hosts"] + GET)
        assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200", b"200", b"400"]
        assert b"1 /a " in said
        assert b"2 /a hi" in said


async def test_keep_alive_and_bodies() -> None:
    """Requests follow each other on one connection, with lengths and with chunks."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(POST + b"Content-Length: 5\r\n\r\nhello")
        assert (await caller.answer())[2] == b"1 /a hello"
        await caller.send(CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nHost: z\r\nX-Vender-Id: 1\r\n\r\n")
        assert (await caller.answer())[2] == b"2 /a hello"
        await caller.send(GET)
        assert (await caller.answer())[2] == b"3 /a "
        names = [name for name, _ in door.app.scopes[1]["headers"]]
        assert names == [b"host", b"transfer-encoding"]  # trailers never pass for headers


async def test_a_hundred_pipelined_requests_are_answered_in_order() -> None:
    """Whatever the packet borders are."""
    async with served() as door:
        caller = await door.connect()
        stream = b"".join(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" % n for n in range(1, 101))
        for position in range(0, len(stream), 1000):
            await caller.send(stream[position : position + 1000])
        for number in range(1, 101):
            assert (await caller.answer())[2] == b"%d /%d hi" % (number, number)


async def test_a_body_of_requests_is_a_body() -> None:
    """Bytes inside a body are never taken for the next request."""
    async with served() as door:
        caller = await door.connect()
        body = GET * 3
        await caller.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + GET)
        assert (await caller.answer())[2].startswith(b"1 /a GET /a")
        assert (await caller.answer())[2] == b"2 /a "
        assert len(door.app.bodies) == 2


async def test_expect_100_continue_is_served() -> None:
    """The caller gets leave to send its body, once it is known to be welcome."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(POST + b"Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n")
        assert await caller.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.send(b"hello")
        assert (await caller.answer())[2] == b"1 /a hello"
        await caller.send(POST + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        assert (await caller.answer())[0] == 413


async def test_http_1_0_is_served_and_closed() -> None:
    """Without Host; an answer without a length ends where the connection ends."""
    async with served() as door:
        said = await door.ask(b"GET /a HTTP/1.0\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert said.endswith(b"\r\n\r\n1 /a ")
        said = await door.ask(b"GET /chunked HTTP/1.0\r\n\r\n")
        assert b"transfer-encoding" not in said
        assert said.endswith(b"\r\n\r\n2 /chunked ")


async def test_other_shapes_that_are_served() -> None:
    """Close, whole URLs, empty lines before a request, odd spellings, a body on GET, no User-Agent."""
    async with served() as door:
        for request in (
            b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"\r\n\r\nGET /a HTTP/1.1\r\nHOST:x\r\ncOnnEction: Close\r\n\r\n",
            b"GET http://x/a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /a?b=c#d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        ):
            said = await door.ask(request)
            assert said.startswith(b"HTTP/1.1 200 OK\r\n"), said
            assert b"connection: close\r\n" in said
        assert [scope["path"] for scope in door.app.scopes] == ["/a"] * 4
        assert [scope["query_string"] for scope in door.app.scopes] == [b"", b"", b"b=c", b"b=c"]


async def test_names_with_underscores_are_dropped() -> None:
    """x_vender_id never passes for x-vender-id; other names arrive in lower case, values as they were sent."""
    async with served() as door:
        await door.ask(
            b"GET /a HTTP/1.1\r\nHost: x\r\nX_Vender_Id: 1\r\nx-ODD: B \xff\r\nUser-Agent: u\r\nConnection: close\r\n\r\n"
        )
        [scope] = door.app.scopes
        assert scope["headers"] == [
            (b"host", b"x"),
            (b"x-odd", b"B \xff"),
            (b"user-agent", b"u"),
            (b"connection", b"close"),
        ]


async def test_the_scope_is_what_asgi_says() -> None:
    """An application made for any ASGI server finds what it looks for."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(b"POST /a%20b/%E4?q=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await caller.answer()
        [scope] = door.app.scopes
        assert scope["type"] == "http"
        assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b/\ufffd", b"/a%20b/%E4")
        assert (scope["query_string"], scope["http_version"], scope["scheme"]) == (b"q=%20", "1.1", "http")
        assert scope["server"] == door.address
        assert scope["client"] == caller.writer.get_extra_info("sockname")
        assert (scope["root_path"], list(scope["state"])) == ("", ["lane"])
