"""Sizes, times and numbers at the door: one below the bound is served, one above is refused."""

import asyncio
import ipaddress
import os
import resource
import time
from contextlib import suppress

import pytest

from gateway.front import FrontBounds
from tests.integration.front.served import Served, served
from tests.waiting import until

KIB = 1024


def get(url: bytes = b"/a", headers: bytes = b"") -> bytes:
    return b"GET " + url + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n"


async def status_of(door: Served, request: bytes, piece: int = 2**20) -> int:
    caller = await door.connect()
    try:
        for position in range(0, len(request), piece):
            await caller.send(request[position : position + piece])
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    said = await caller.rest()
    assert b"onnection: close\r\n" in said
    return int(said.split(b" ", 2)[1])


async def until_status(door: Served, status: int) -> None:
    """The door hears of connections that opened and closed only in its own time."""

    async def is_so() -> bool:
        return await status_of(door, get()) == status

    await until(is_so)


@pytest.mark.parametrize("piece", [2**20, 1000])
async def test_the_url_ends_at_8_kib(piece: int) -> None:
    """8,192 bytes are served, one more is 414, a megabyte too."""
    async with served() as door:
        assert await status_of(door, get(b"/" + b"a" * (8 * KIB - 1)), piece) == 200
        assert await status_of(door, get(b"/" + b"a" * (8 * KIB)), piece) == 414
        assert await status_of(door, get(b"/" + b"a" * KIB * KIB), piece) == 414


async def test_a_head_has_100_headers_at_most() -> None:
    """101 are 431, and dropped ones count."""
    async with served() as door:
        assert await status_of(door, get(headers=b"A: b\r\n" * 98)) == 200
        assert await status_of(door, get(headers=b"A: b\r\n" * 99)) == 431
        assert await status_of(door, get(headers=b"A_: b\r\n" * 99)) == 431


@pytest.mark.parametrize("piece", [2**20, 5000])
async def test_a_head_ends_at_32_kib(piece: int) -> None:
    """Names and values of all headers together; whether one is long or many are short, whole or not."""
    own = len(b"Host: x\r\nConnection: close\r\n")
    async with served() as door:
        assert await status_of(door, get(headers=b"A: " + b"b" * (32 * KIB - own - 5) + b"\r\n"), piece) == 200
        assert await status_of(door, get(headers=b"A: " + b"b" * (32 * KIB - own - 4) + b"\r\n"), piece) == 431
        assert await status_of(door, get(headers=b"A: " + b"b" * 2**21 + b"\r\n"), piece) == 431
        assert await status_of(door, get(headers=(b"A: " + b"b" * 1000 + b"\r\n") * 40), piece) == 431
        assert await status_of(door, get(headers=(b"A_: " + b"b" * 1000 + b"\r\n") * 40), piece) == 431
        assert await status_of(door, b"GET /a HTTP/1.1\r\n" + b"A: b\r\n" * 2**17, piece) == 431


async def test_a_large_body_before_a_head_does_not_count_as_head() -> None:
    """Pipelined after 100 KiB of body, an unfinished small head is waited for."""
    async with served() as door:
        caller = await door.connect()
        body = b"x" * 100 * KIB
        await caller.send(
            b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body + b"GET /b HT"
        )
        assert (await caller.answer())[0] == 200
        await caller.send(b"TP/1.1\r\nHost: x\r\n\r\n")
        assert (await caller.answer())[2] == b"2 /b "


async def test_a_body_ends_at_10_mib() -> None:
    """With a length it is refused before it is sent; in chunks as soon as it is too long."""
    post = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    most = 10 * KIB * KIB
    async with served() as door:
        assert await status_of(door, post + b"Content-Length: %d\r\n\r\n" % most + b"x" * most) == 200
        assert await status_of(door, post + b"Content-Length: %d\r\n\r\n" % (most + 1)) == 413
        assert await status_of(door, post + b"Content-Length: %d\r\n\r\n" % (most + 1) + b"x" * most) == 413
        chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
        assert await status_of(door, chunked + b"%x\r\n" % most + b"x" * most + b"\r\n0\r\n\r\n") == 200
        assert await status_of(door, chunked + b"%x\r\n" % (most + 1) + b"x" * (most + 1) + b"\r\n0\r\n\r\n") == 413
        assert [len(body) for body in door.app.bodies] == [most, most]
        assert door.protocol.door.held_bytes == 0


async def test_chunk_heads_and_trailers_are_bounded() -> None:
    """A body of nothing but extensions, and a trailer without end, are cut."""
    post = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with served(max_chunk_overhead_bytes=10_000) as door:
        assert await status_of(door, post + b"1;" + b"e" * 100_000, 5000) == 400
        assert await status_of(door, post + b"0\r\nA: " + b"e" * 100_000, 5000) == 400
        assert await status_of(door, post + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n", 5000) == 200


async def test_bodies_of_all_callers_together_are_bounded() -> None:
    """The caller whose bytes are too many for the process hears 503; the room is free again when bodies are whole or dropped."""
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    async with served(max_held_bytes=100_000) as door:
        first, second = await door.connect(), await door.connect()
        await first.send(head + b"x" * 55_000)
        await until(lambda: door.protocol.door.held_bytes > 50_000)
        await second.send(head + b"x" * 55_000)
        assert (await second.answer())[0] == 503
        await first.send(b"x" * 5_000)
        assert (await first.answer())[0] == 200
        assert door.protocol.door.held_bytes == 0


async def test_too_many_pipelined_requests_end_the_connection() -> None:
    """Those within the bound are answered first."""
    async with served(max_pipelined=5) as door:
        said = await door.ask(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        assert said.count(b"HTTP/1.1 200 OK") == 6
        assert said.count(b"HTTP/1.1 503 Service Unavailable") == 1


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (b"G", b"ET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nA: ", b"b" * 40),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n", b"b" * 40),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 7),
    ],
)
async def test_a_drip_does_not_move_the_deadline(start: bytes, drip: bytes) -> None:
    """Head and body have a time from their first byte on, however the bytes trickle; the application hears nothing."""
    async with served(head_timeout_s=0.3, body_timeout_s=0.3) as door:
        caller = await door.connect()
        started = time.monotonic()
        await caller.send(start)
        closed = asyncio.create_task(caller.is_closed())
        position = 0
        for position in range(len(drip)):
            if closed.done():
                break
            await asyncio.sleep(0.1)
            try:
                await caller.send(drip[position : position + 1])
            except ConnectionError:
                break
        assert await closed
        assert time.monotonic() - started > 0.25
        assert position < len(drip) - 1  # it was not let to its end
        assert door.app.bodies == []


async def test_the_body_has_its_own_time_after_the_head() -> None:
    """A slow head does not shorten the body's time, and the head's time is not the body's."""
    async with served(body_timeout_s=2) as slow_head, served(head_timeout_s=2) as slow_body:
        one, other = await slow_head.connect(), await slow_body.connect()
        await one.send(b"POST /a HTTP/1.1\r\nHost: x\r\n")
        await other.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        await asyncio.sleep(2.2)
        await one.send(b"Content-Length: 2\r\n\r\n")
        await one.send(b"hi")
        await other.send(b"hi")
        for caller in (one, other):
            assert (await caller.answer())[2] == b"1 /a hi"


async def test_idle_connections_are_closed_after_their_time() -> None:
    """Before the first request and between requests; an answer that takes long is not idleness."""
    async with served(idle_timeout_s=1.5) as door:
        silent, caller = await door.connect(), await door.connect()
        door.app.delay_s = 1.7
        for number in (1, 2):
            await caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await caller.answer())[2] == b"%d /a " % number
            door.app.delay_s = 0
        started = time.monotonic()
        assert await silent.is_closed()
        assert await caller.is_closed()
        assert 1 < time.monotonic() - started < 20


async def test_empty_lines_do_not_keep_a_connection() -> None:
    """Line breaks between requests are no requests."""
    async with served(idle_timeout_s=0.2) as door:
        caller = await door.connect()
        closed = asyncio.create_task(caller.is_closed())
        for _ in range(100):
            if closed.done():
                break
            await asyncio.sleep(0.02)
            with suppress(ConnectionError):  # the break was sent in the moment of the closing
                await caller.send(b"\r\n")
        assert closed.done()
        assert await closed


async def test_an_unfinished_request_behind_a_slow_answer_does_not_spoil_it() -> None:
    """The answer is given, then the connection closes for want of the rest."""
    async with served(head_timeout_s=0.1) as door:
        door.app.delay_s = 0.3
        caller = await door.connect()
        await caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b")
        assert (await caller.answer())[2] == b"1 /a "
        assert await caller.is_closed()


async def test_our_own_pause_is_not_held_against_the_caller() -> None:
    """While earlier requests of a connection wait, it is not read; the rest of a later one may come when it is read again."""
    async with served(head_timeout_s=0.1) as door:
        door.app.delay_s = 0.15
        caller = await door.connect()
        await caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /b HTTP/1.1\r\n")
        await caller.send(b"Host: x\r\n\r\n")
        for number, path in enumerate((b"/a", b"/a", b"/a", b"/b"), start=1):
            assert (await caller.answer())[2] == b"%d %b " % (number, path)


async def test_an_address_has_a_number_of_connections() -> None:
    """One more hears 503; when one closes, another is let in."""
    async with served(max_connections_per_address=3) as door:
        callers = [await door.connect() for _ in range(3)]
        for caller in callers:
            await caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await caller.answer())[0] == 200
        assert await status_of(door, get()) == 503
        callers[0].writer.close()
        await callers[0].writer.wait_closed()
        await until_status(door, 200)


async def test_trusted_proxies_may_connect_as_often_as_they_like() -> None:
    """They stand for many callers."""
    trusted = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.0/8"))
    async with served(max_connections_per_address=1, trusted_proxies=trusted) as door:
        for _ in range(5):
            caller = await door.connect()
            await caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await caller.answer())[0] == 200


async def test_out_of_descriptors_callers_hear_503() -> None:
    """Connections are refused while some descriptors are left, and served again when there are more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with served(max_connections_per_address=10_000) as door:
        caller = await door.connect()
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        gaps = [
            os.open(os.devnull, os.O_RDONLY)
        ]  # whatever other tests have left open: the next descriptor is the next number
        while gaps[-1] < highest:
            gaps.append(os.open(os.devnull, os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (gaps[-1] + 1 + 40, before[1]))
        try:
            statuses = [await status_of(door, get()) for _ in range(3)]
            assert statuses == [200] * 3
            kept = [await door.connect() for _ in range(10)]
            await until_status(door, 503)
            await caller.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await caller.answer())[0] == 200
            for other in kept:
                other.writer.close()
            await until_status(door, 200)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for descriptor in gaps:
                os.close(descriptor)


def test_defaults_are_the_documented_ones() -> None:
    """The protocol names these figures."""
    bounds = FrontBounds()
    assert (bounds.max_url_bytes, bounds.max_head_bytes, bounds.max_headers) == (8192, 32768, 100)
    assert (bounds.max_body_bytes, bounds.max_connections_per_address) == (10 * 2**20, 200)
    assert (bounds.head_timeout_s, bounds.body_timeout_s, bounds.idle_timeout_s) == (10, 15, 75)
