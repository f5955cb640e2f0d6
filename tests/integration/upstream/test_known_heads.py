"""Answers whose head came before are recognised, not parsed: nothing else about them changes."""

import asyncio

from tests.integration.upstream.scripted_service import GET, answer, answering, running, upstreams_to

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"


async def test_answers_with_a_known_head_are_read_as_carefully() -> None:
    """The shortcut for heads that came before changes nothing: other bodies, lengths, surpluses, closings, interim answers."""
    odd = b"HTTP/1.1 200 OK\r\nX: \r\nContent-Length: 1\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    script = [
        (answer(b'{"n":1}'), b'{"n":1}'),
        (answer(b'{"n":2}'), b'{"n":2}'),
        (interim + answer(b'{"n":3}'), b'{"n":3}'),
        (interim + answer(b'{"n":4}'), b'{"n":4}'),
        (answer(b""), b""),
        (answer(b""), b""),
        (odd + b"{", b"{"),
        (odd + b"}", b"}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", b"{}"),
        (CHUNKED + b"2\r\n[]\r\n0\r\n\r\n", b"[]"),
        (answer(b"\r\n\r\n{}\r\n"), b"\r\n\r\n{}\r\n"),
        (answer(b"\r\n\r\n[]\r\n"), b"\r\n\r\n[]\r\n"),
        (answer(b'{"n":5}', 503), b'{"n":5}'),
    ]
    async with (
        running(answering(*(said for said, _ in script))) as [service],
        upstreams_to(service.address) as upstreams,
    ):
        for _, body in script:
            heard = await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)
            assert heard.body == body
        assert heard.status == 503
        assert service.connections == 1
    surplus = answer() + b"HTTP"
    async with running(answering(answer(), surplus, answer())) as [service], upstreams_to(service.address) as upstreams:
        for _ in range(3):
            assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).status == 200
        assert service.connections == 2


async def test_a_known_head_in_pieces_is_read() -> None:
    """A head that was seen whole may come in two reads, or without its body, the next time."""
    whole = answer(b'{"a":1}')

    async def converse(service, reader, writer):
        await service.read_request(reader)
        writer.write(whole)
        for cut in (5, len(whole) - 7, len(whole) - 1):
            await service.read_request(reader)
            writer.write(whole[:cut])
            await asyncio.sleep(0.01)
            writer.write(whole[cut:])
        await reader.read()

    async with running(converse) as [service], upstreams_to(service.address) as upstreams:
        for _ in range(4):
            assert (await upstreams.call("svc", GET, b"", timeout_s=30, idempotent=False)).body == b'{"a":1}'
        assert service.connections == 1
