"""Recognised heads: a request is read the same whether its head was seen before or not."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.front.bounds import FrontBounds
from gateway.front.door import Door
from gateway.front.reader import RequestReader
from gateway.front.refusal import Refused
from gateway.front.request import Request

FORM = b"POST /router/rest HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\r\n"
PIECES = [
    FORM + b"a=bc", FORM + b"d=ef", FORM + b"a=", b"bc", FORM.replace(b"4", b"04") + b"g=hi",
    FORM.replace(b"x\r", b"x\r\nX_y: 1\r", 1) + b"j=kl",
    FORM.replace(b"HTTP/1.1", b"HTTP/1.0") + b"m=no", FORM.replace(b"Host: x\r\n", b"") + b"p=qr", FORM + b"a=bc" + FORM + b"a=bc",
    FORM.replace(b"Host: x", b"Host: x\r\nConnection: close") + b"s=tu", b"\r\n" + FORM + b"v=wx",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n",
    FORM.replace(b"Content-Length: 4", b"Content-Length: 4\r\nContent-Length: 4") + b"y=z1",
    b"\r\n\r\n", b"PO", b"ST / HTTP/1.1\r\nHost: x\r\n\r\n",
]  # fmt: skip


def read(door: Door, pieces: list[bytes]) -> list[object]:
    """What a connection's reader makes of these reads: requests, and the status that ends it."""
    seen: list[object] = []

    def whole(r: Request) -> None:
        head = r.head
        seen.append((head.method, head.path, head.query, head.version, head.headers, r.body, head.keep_alive))

    reader = RequestReader(FrontBounds(), door, whole, lambda: None)
    try:
        for piece in pieces:
            reader.feed(piece)
    except Refused as refused:
        seen.append(refused.status)
    return seen


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_a_known_head_changes_nothing(pieces: list[bytes]) -> None:
    """Whatever comes in whatever pieces: a door that knows all these heads reads as one that knows none."""
    knowing = Door(FrontBounds())
    for piece in PIECES:
        read(knowing, [piece])
        read(knowing, [piece, piece])
    assert read(knowing, pieces) == read(Door(FrontBounds()), pieces)


def test_a_head_is_recognised_on_another_connection() -> None:
    """Only whole requests with a body on connections that stay open are learned; all of them share it."""
    door = Door(FrontBounds())
    assert door.heads.recognise(FORM + b"a=bc") is None
    read(door, [FORM + b"a=bc"])
    first, second = door.heads.recognise(FORM + b"d=ef"), door.heads.recognise(FORM + b"g=hi")
    assert first is not None and second is not None
    assert (first[1], second[1]) == (b"d=ef", b"g=hi")
    assert first[0] is second[0]
    assert door.heads.recognise(FORM + b"d=efg") is None
    read(door, [PIECES[6], PIECES[9], PIECES[11], PIECES[12]])
    assert not any(door.heads.recognise(PIECES[n]) for n in (6, 9, 11, 12))
