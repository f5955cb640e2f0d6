"""One exchange with a service: what counts as an answer, and what ends it."""

import asyncio
import gc
import socket
import time
import tracemalloc

import pytest

from gateway.upstream import UpstreamBounds
from openplatform.errors import OpenPlatformError
from tests.integration.upstream.scripted_service import (
    GET,
    POST,
    Conversation,
    answer,
    answering,
    running,
    saying,
    upstreams_to,
)
from tests.waiting import until

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"


async def ask(conversation: Conversation, *, timeout_s: float = 30.0, bounds: UpstreamBounds | None = None):
    async with running(conversation) as [service], upstreams_to(service.address, bounds=bounds) as upstreams:
        return await upstreams.call("svc", GET, b"", timeout_s=timeout_s, idempotent=True)


async def refusal(conversation: Conversation, *, timeout_s: float = 30.0, bounds: UpstreamBounds | None = None) -> str:
    with pytest.raises(OpenPlatformError) as caught:
        await ask(conversation, timeout_s=timeout_s, bounds=bounds)
    assert caught.value.code == 15
    return caught.value.sub_code


PARSE_ERROR = "isp.top-parse-error"
TIMEOUT = "isp.top-remote-connection-timeout"


async def test_an_answer_comes_back_with_status_body_type_and_coding() -> None:
    """What the service said arrives as it was said."""
    said = await ask(answering(answer(b'{"a":1}', 404, b"content-encoding: gzip\r\n")))
    assert (said.status, said.body, said.content_type, said.content_encoding, said.attempts) == (
        404,
        b'{"a":1}',
        b"application/json",
        b"gzip",
        1,
    )


async def test_the_request_arrives_byte_for_byte() -> None:
    """Head and body are sent as they were given, one after the other."""
    async with running(answering(answer())) as [service], upstreams_to(service.address) as upstreams:
        await upstreams.call("svc", POST, b"{}", timeout_s=30, idempotent=False)
        assert service.requests == [POST + b"{}"]


async def test_one_connection_serves_many_calls_one_after_the_other() -> None:
    """Connections are kept alive."""
    async with running(answering(answer())) as [service], upstreams_to(service.address) as upstreams:
        for _ in range(20):
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        assert service.connections == 1
        assert len(service.requests) == 20


async def test_nagle_is_off() -> None:
    """A request leaves at once, also when it takes two packets."""
    async with running(answering(answer())) as [service], upstreams_to(service.address) as upstreams:
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        [member] = upstreams._services.balancers()[0].members
        connection = member.pool.take(asyncio.get_running_loop().time())
        assert connection is not None
        wire = connection._transport.get_extra_info("socket")
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_connection_close_is_honoured() -> None:
    """A service that says close is not sent another request over that connection."""
    async with (
        running(answering(answer(headers=b"Connection: close\r\n"))) as [service],
        upstreams_to(service.address) as upstreams,
    ):
        for _ in range(3):
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)
        assert service.connections == 3


async def test_chunks_and_trailers_are_read() -> None:
    """A chunked body is joined; a trailer does not change the head."""
    said = await ask(
        saying(CHUNKED + b'4\r\n{"a"\r\n3\r\n:1}\r\n0\r\nContent-Type: text/html\r\n\r\n', then="hang"), timeout_s=2
    )
    assert (said.body, said.content_type) == (b'{"a":1}', b"application/json")


async def test_an_answer_in_pieces_is_read() -> None:
    """Packet borders mean nothing."""
    whole = answer(b'{"a":1}')
    parts: list[bytes | float] = []
    for position in range(len(whole)):
        parts += [whole[position : position + 1], 0.0]
    said = await ask(saying(*parts, then="hang"))
    assert said.body == b'{"a":1}'


async def test_an_answer_without_length_ends_with_the_connection() -> None:
    """HTTP/1.0 services close to say that they are done."""
    said = await ask(saying(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n", b'{"a"', b":1}"))
    assert said.body == b'{"a":1}'


async def test_an_answer_without_a_body_is_whole() -> None:
    """204 carries none, and length 0 none either."""
    assert (await ask(saying(b"HTTP/1.1 204 No Content\r\n\r\n", then="hang"))).status == 204
    assert (await ask(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", then="hang"))).body == b""


async def test_interim_answers_are_skipped() -> None:
    """100 and 103 come before the answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Type: text/x\r\nLink: </x>\r\n\r\n"
    said = await ask(saying(interim, answer(), then="hang"))
    assert (said.status, said.content_type) == (200, b"application/json")


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nContent Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}XX0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n{}",
    ],
)
async def test_garbage_is_unreadable(garbage: bytes) -> None:
    """What is not HTTP/1.1 is reported as a parse error, at once."""
    assert await refusal(saying(garbage, then="hang")) == PARSE_ERROR


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "part", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", CHUNKED + b"4\r\n{", b"HTTP/1.1 2"]
)
async def test_a_truncated_answer_is_no_answer(part: bytes, then: str) -> None:
    """A connection that ends in mid-answer never passes for a whole answer."""
    assert await refusal(saying(part, then=then)) in {PARSE_ERROR, "isp.top-remote-connection-error"}


async def test_a_reset_is_no_end_of_an_answer_without_length() -> None:
    """Only an orderly close ends an answer that has no length."""
    sub_code = await refusal(saying(b'HTTP/1.0 200 OK\r\n\r\n{"a":', 0.05, b"1", then="reset"))
    assert sub_code == PARSE_ERROR


async def test_bounds_of_an_answer() -> None:
    """Head and whole answer are cut at their bounds, announced or not."""
    bounds = UpstreamBounds(max_head_bytes=2000, max_answer_bytes=10_000)
    assert await refusal(saying(answer(b"x" * 10_001), then="hang"), bounds=bounds) == PARSE_ERROR
    assert await refusal(saying(CHUNKED + b"5000\r\n" + b"x" * 0x5000, then="hang"), bounds=bounds) == PARSE_ERROR
    assert await refusal(saying(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 10_001, then="hang"), bounds=bounds) == PARSE_ERROR
    assert (await refusal(saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3000, then="hang"), bounds=bounds)) == PARSE_ERROR
    endless = b"HTTP/1.1 100 Continue\r\n\r\n" * 500
    assert await refusal(saying(endless, then="hang"), bounds=bounds) == PARSE_ERROR
    assert len((await ask(saying(answer(b"x" * 9_000), then="hang"), bounds=bounds)).body) == 9_000


@pytest.mark.parametrize("whole", [b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 250, b""])
async def test_a_drip_does_not_move_the_deadline(whole: bytes) -> None:
    """A service that sends a byte now and then, in head or body, is cut at the deadline of the whole call."""
    text = whole or b"HTTP/1.1 200 OK\r\nX: " + b"x" * 250
    parts: list[bytes | float] = []
    for position in range(len(text)):
        parts += [text[position : position + 1], 0.1]
    started = time.monotonic()
    assert await refusal(saying(*parts, then="hang"), timeout_s=0.3) == TIMEOUT
    assert 0.25 < time.monotonic() - started < 20  # the drip alone takes longer


async def test_a_service_that_hangs_is_cut_at_the_deadline_again_and_again() -> None:
    """The one timer of a connection serves call after call, with shorter and longer deadlines."""
    async with running(answering(answer())) as [service], upstreams_to(service.address) as upstreams:
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        await upstreams.call("svc", GET, b"", timeout_s=1.5, idempotent=True)
        await asyncio.sleep(1.6)
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)).status == 200
        assert service.connections == 1
    async with running(saying(then="hang")) as [service], upstreams_to(service.address) as upstreams:
        for number in range(1, 4):
            with pytest.raises(OpenPlatformError, match="connection-timeout"):
                await upstreams.call("svc", GET, b"", timeout_s=0.05, idempotent=True)
            await until(lambda number=number: service.connections == number)


async def test_what_comes_after_an_answer_never_reaches_the_next_call() -> None:
    """A second answer that nobody asked for closes the connection, whole or in part, at once or later."""
    for surplus in (answer(b'{"stolen":1}'), b"HTTP/1.1 200 OK\r\nX: ", b"H"):
        async with (
            running(answering(answer() + surplus, answer(b'{"mine":1}'))) as [service],
            upstreams_to(service.address) as upstreams,
        ):
            await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)
            assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).body == b'{"mine":1}'
            assert service.connections == 2


async def test_bytes_on_an_idle_connection_close_it() -> None:
    """A late surplus is noticed before the connection is used again."""

    async def converse(service, reader, writer):
        while await service.read_request(reader) is not None:
            writer.write(answer())
            await asyncio.sleep(0.02)
            writer.write(answer(b'{"stolen":1}'))

    async with running(converse) as [service], upstreams_to(service.address) as upstreams:
        await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)
        [member] = upstreams._services.balancers()[0].members
        await until(lambda: member.pool.size == 0)
        assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).body == b'{"ok":true}'
        assert service.connections == 2


async def test_a_caller_that_leaves_takes_its_connection_with_it() -> None:
    """The late answer of a cancelled call can never become another call's answer."""
    has_left = asyncio.Event()

    async def converse(service, reader, writer):
        request = await service.read_request(reader)
        if request and b"slow" in request:
            await has_left.wait()
        writer.write(answer(b'{"slow":1}' if request and b"slow" in request else b'{"fast":1}'))
        await reader.read()

    async with running(converse) as [service], upstreams_to(service.address) as upstreams:
        slow = asyncio.create_task(
            upstreams.call("svc", GET.replace(b"/x", b"/slow"), b"", timeout_s=30, idempotent=True)
        )
        await until(lambda: bool(service.requests))
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        has_left.set()
        said = await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=True)
        assert said.body == b'{"fast":1}'
        assert service.connections == 2


async def test_a_refused_answer_leaves_nothing_in_memory() -> None:
    """Of an answer past its bound nothing is kept, though the collector of cycles does not run between calls."""
    conversation = saying(CHUNKED, *(b"100000\r\n" + b"x" * 2**20 + b"\r\n" for _ in range(4)))
    bounds = UpstreamBounds(max_answer_bytes=2**20 * 2)
    gc.disable()
    try:
        await refusal(conversation, bounds=bounds)
        tracemalloc.start()
        for _ in range(5):
            await refusal(conversation, bounds=bounds)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert kept < 2**20 * 4
