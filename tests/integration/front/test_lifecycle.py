"""Connections that end: callers who leave, applications that fail, processes that drain."""

import asyncio
import logging
import pickle
import socket
import struct

import pytest

from gateway.front import FrontBounds, front_protocol
from gateway.front.protocol import FrontProtocol
from tests.integration.front.served import served
from tests.waiting import until

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_caller_that_leaves_is_noticed_and_nothing_stays_behind() -> None:
    """In mid-head, in mid-body, before the answer: no trace in the log, no connection and no task left."""
    async with served() as door:
        for data in (b"GET /a", b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf", GET):
            door.app.delay_s = 0.05
            caller = await door.connect()
            await caller.send(data)
            wire = caller.writer.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            caller.writer.transport.abort()
        caller = await door.connect()
        await caller.send(GET.replace(b"/a", b"/wait-until-left"))
        await until(lambda: any(scope["path"] == "/wait-until-left" for scope in door.app.scopes))
        caller.writer.transport.abort()
        await door.nobody_left()
        assert door.app.disconnects == 1
        assert not door.protocol.door._connections


async def test_a_caller_that_only_stops_sending_gets_its_answers() -> None:
    """Half-closed connections are served to the end, then closed."""
    async with served() as door:
        door.app.delay_s = 0.05
        caller = await door.connect()
        await caller.send(GET + GET)
        caller.writer.write_eof()
        said = await caller.rest()
        assert said.count(b"HTTP/1.1 200 OK") == 2
        assert said.count(b"connection: close") == 1
    async with served() as door:
        caller = await door.connect()
        await caller.send(b"GET /a HT")
        caller.writer.write_eof()
        assert await caller.is_closed()


async def test_an_application_that_fails_is_a_bare_500(caplog: pytest.LogCaptureFixture) -> None:
    """The traceback goes to the log, the caller gets a status and a closed connection, the process goes on."""
    async with served() as door:
        with caplog.at_level(logging.ERROR):
            said = await door.ask(GET.replace(b"/a", b"/fail"))
        assert said.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert b"bug" not in said
        assert "a bug" in caplog.text
        caller = await door.connect()
        await caller.send(GET)
        assert (await caller.answer())[0] == 200


async def test_a_line_break_in_an_answers_header_is_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    """An application cannot be made to say a second answer."""
    async with served() as door:
        said = await door.ask(GET.replace(b"/a", b"/inject"))
        assert said.startswith(b"HTTP/1.1 500 ")
        assert b"y: b" not in said
        assert "line break" in caplog.text


async def test_answers_in_chunks_head_and_large_ones() -> None:
    """Streams without a length go out in chunks; HEAD gets no body; three megabytes arrive whole."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(GET.replace(b"/a", b"/chunked"))
        assert b"transfer-encoding: chunked\r\n" in await caller.head()
        assert await caller._reader.readexactly(26) == b"3\r\n1 /\r\n8\r\nchunked \r\n0\r\n\r\n"
        await caller.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + GET.replace(b"/a", b"/large"))
        assert b"content-length: 5\r\n" in await caller.head()
        assert len((await caller.answer())[2]) == 3_000_000


async def test_an_answer_carries_a_date_and_nothing_about_the_server() -> None:
    """One date, no Server."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(GET)
        _, head, _ = await caller.answer()
        assert head.count(b"\r\ndate: ") == 1
        assert b"server" not in head.lower()


async def test_a_draining_process_finishes_what_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in the application, in mid-body and already on their way are answered with Connection: close; idle ones close."""
    # The requests below come in time on a busy machine too.
    monkeypatch.setattr("gateway.front.protocol._DRAIN_IDLE_S", 2.0)
    async with served() as door:
        answering, sending, coming, idle = [await door.connect() for _ in range(4)]
        for caller in (coming, idle):
            await caller.send(GET)
            await caller.answer()
        door.app.may_answer.clear()
        await sending.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh")
        await until(lambda: door.protocol.door.held_bytes > 0)
        await answering.send(GET)
        await until(lambda: len(door.app.bodies) > 2)
        await door.drain()
        await sending.send(b"i")
        await coming.send(GET)
        door.app.may_answer.set()
        for caller in (answering, sending, coming):
            status, head, _ = await caller.answer()
            assert (status, b"connection: close\r\n" in head) == (200, True)
            assert await caller.is_closed()
        assert await idle.is_closed()


async def test_a_server_about_to_drain_says_close_once() -> None:
    """A `Connection: close` among the server's default headers ends kept connections, after what waits on them."""
    async with served() as door:
        caller = await door.connect()
        await caller.send(GET)
        await caller.answer()
        date = [header for header in door.server.server_state.default_headers if header[0] == b"date"]
        door.server.config.encoded_headers = [(b"connection", b"close")]  # what the server's next second begins with
        door.server.server_state.default_headers = [*date, (b"connection", b"close")]
        await caller.send(GET + GET)
        assert b"connection: close" not in (await caller.answer())[1]
        assert (await caller.answer())[1].count(b"connection: close\r\n") == 1
        assert await caller.is_closed()


async def test_a_refused_caller_hears_why_even_while_it_is_sending() -> None:
    """The status reaches a caller that has megabytes on their way."""
    async with served() as door:
        caller = await door.connect()
        caller.writer.write(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 5_000_000)
        assert (await caller.answer())[0] == 413
        assert await caller.is_closed()


async def test_a_caller_that_does_not_read_is_dropped() -> None:
    """Answers that nobody takes do not pile up in memory, and do not stay there for ever."""
    async with served(idle_timeout_s=0.2) as door:
        caller = await door.connect()
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.writer.write(GET.replace(b"/a", b"/large") * 100)
        await asyncio.sleep(0.1)
        assert len(door.app.bodies) < 10
        await door.nobody_left()


def test_the_class_travels_to_worker_processes() -> None:
    """uvicorn's workers unpickle their configuration: the class comes out with the same bounds and a door of its own."""
    made = front_protocol(FrontBounds(max_headers=7))
    copy = pickle.loads(pickle.dumps(made))
    assert issubclass(copy, FrontProtocol)
    assert copy.bounds == made.bounds
    assert copy.door is not made.door
