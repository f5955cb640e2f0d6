"""The lane past ASGI: the same promises as the long way."""

import asyncio
import logging

import pytest

from tests.integration.front.served import served
from tests.waiting import until

GET = b"GET /lane?q=1 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /lane HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nhi"
ASGI = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_what_the_lane_hears_and_says() -> None:
    """Method, query, headers, body and the peer's address in; status, headers and body out, with a date."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(POST)
        status, head, body = await caller.answer()
        assert (status, body) == (200, b"1 lane hi")
        assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
        assert head.endswith(b"content-type: text/plain\r\ncontent-length: 9\r\n\r\n")
        headers = [(b"host", b"x"), (b"content-type", b"text/x"), (b"content-length", b"2")]
        assert door.app.by_lane == [("POST", b"", headers, b"hi", "127.0.0.1")]


async def test_lane_and_asgi_take_turns_on_one_connection() -> None:
    """Pipelined requests are answered in their order, whichever way they take."""
    async with served() as door:
        door.app.delay_s = 0.01
        caller = await door.connect()
        await caller.send((GET + ASGI) * 5)
        for number in range(1, 11):
            path = b"lane " if number % 2 else b"/a "
            assert (await caller.answer())[2] == b"%d %b" % (number, path)


async def test_only_the_exact_path_takes_the_lane() -> None:
    """Other spellings of the path go the long way."""
    async with served() as door:
        caller = await door.connect()
        for path in (b"/lane/", b"/l%61ne", b"//lane", b"/LANE"):
            await caller.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            await caller.answer()
        assert door.app.by_lane == []


async def test_head_and_http_1_0_and_close() -> None:
    """No body for HEAD; connections end where they must."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(GET.replace(b"GET", b"HEAD") + GET)
        assert b"content-length: 7\r\n" in await caller.head()
        assert (await caller.answer())[2] == b"2 lane "
        for request in (
            b"GET /lane HTTP/1.0\r\n\r\n",
            b"GET /lane HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ):
            said = await door.ask(request)
            assert b"\r\nconnection: close\r\n\r\n" in said


@pytest.mark.parametrize("what", [b"fail", b"inject"])
async def test_a_lane_that_fails_is_a_bare_500(what: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The traceback goes to the log; the connection closes; a line break in a header is such a failure."""
    async with served() as door:
        with caplog.at_level(logging.ERROR):
            said = await door.ask(GET.replace(b"q=1", what) + ASGI)
        assert said.startswith(b"HTTP/1.1 500 ")
        assert said.count(b"HTTP/1.1 ") == 1
        assert "the application failed" in caplog.text
        caller = await door.connect()
        await caller.send(GET)
        assert (await caller.answer())[0] == 200


async def test_callers_that_leave_or_stop_sending() -> None:
    """Nothing stays behind when a caller leaves; one that only stops sending gets its answers."""
    async with served() as door:
        door.app.delay_s = 0.05
        gone, stopped = await door.connect(), await door.connect()
        await gone.send(GET)
        await stopped.send(GET + GET)
        stopped.writer.write_eof()
        await until(lambda: len(door.app.by_lane) > 1)
        gone.writer.transport.abort()
        said = await stopped.rest()
        assert said.count(b"HTTP/1.1 200 OK") == 2
        assert said.count(b"connection: close") == 1
        await door.nobody_left()


async def test_a_caller_that_does_not_read_is_dropped() -> None:
    """Answers that nobody takes do not pile up in memory, and do not stay there for ever."""
    async with served(idle_timeout_s=0.2) as door:
        caller = await door.connect()
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.writer.write(GET.replace(b"q=1", b"large") * 100)
        await asyncio.sleep(0.1)
        assert len(door.app.bodies) < 10
        await door.nobody_left()


async def test_a_draining_process_ends_its_calls_with_close() -> None:
    """What is being answered when the process begins to drain says close; idle connections close."""
    async with served() as door:
        answering, idle = await door.connect(), await door.connect()
        await idle.send(GET)
        await idle.answer()
        door.app.may_answer.clear()
        await answering.send(GET)
        await until(lambda: len(door.app.by_lane) > 1)
        await door.drain()
        door.app.may_answer.set()
        status, head, _ = await answering.answer()
        assert (status, b"connection: close\r\n" in head) == (200, True)
        assert await answering.is_closed()
        assert await idle.is_closed()
