"""Broken framing, HTTP in odd shapes, and sizes, at the gateway's own door."""

import pytest

from tests.faults.bad_input.wire import FORM, Made, Refused, ask, check, exchange, get, post, request
from tests.gateway_world import World
from tests.integration.front.malformed import MALFORMED

pytestmark = pytest.mark.asyncio(loop_scope="module")

KIB = 1024
MIB = KIB * KIB


def padded_query(world: World, url_bytes: int) -> bytes:
    """A GET whose URL is that long."""
    short = get(world.signed("open.echo.post", a=""))
    missing = url_bytes - (short.index(b" HTTP/1.1") - len(b"GET "))
    return get(world.signed("open.echo.post", a="x" * missing))


def with_headers(count: int) -> Made:
    """A good call with that many headers in all; two are there already."""
    return lambda world: get(world.signed(), head=b"".join(b"X-%d: y\r\n" % n for n in range(count - 2)))


def of_length(said: int, body: bytes) -> Made:
    head = b"Content-Type: %b\r\nContent-Length: %d\r\n" % (FORM, said)
    return lambda world: request(b"POST", b"format=json", head) + body


ROWS: dict[str, tuple[Made, Refused | int | dict[str, str]]] = {
    **{f"framing: {what}": (lambda w, what=what: MALFORMED[what].replace(b"/a", b"/router/rest"), 400) for what in MALFORMED},
    "another HTTP method": (lambda w: request(b"DELETE", b"format=json"), (9, "")),
    "PUT with a body": (lambda w: post(w.signed(), query=b"format=json").replace(b"POST", b"PUT", 1), (9, "")),
    "absolute form": (lambda w: get(w.signed()).replace(b"GET /", b"GET http://gateway/", 1), {}),
    "HTTP/1.0 without a Host": (
        lambda w: get(w.signed()).replace(b"HTTP/1.1\r\nHost: gateway\r\n", b"HTTP/1.0\r\n"),
        {},
    ),
    "names in any case": (lambda w: get(w.signed()).replace(b"Host:", b"hOST:"), {}),
    "URL of 8 KiB and a byte": (lambda w: get(b"a=" + b"x" * (8 * KIB)), 414),
    "100 headers": (with_headers(100), {}),
    "101 headers": (with_headers(101), 431),
    "header block of 32 KiB": (lambda w: get(w.signed(), head=b"X-Long: " + b"x" * 32 * KIB + b"\r\n"), 431),
    "body of 10 MiB": (of_length(10 * MIB, b"method=open.echo.get&a=" + b"x" * (10 * MIB - 23)), (28, "")),
    "body of 10 MiB and a byte": (of_length(10 * MIB + 1, b""), 413),
    "chunks of 10 MiB and a byte": (
        lambda w: request(b"POST", b"", b"Transfer-Encoding: chunked\r\n") + b"a00001\r\n" + b"x" * (10 * MIB + 1) + b"\r\n0\r\n\r\n",
        413,
    ),
    "no bytes in the body": (lambda w: post(b"", query=b"format=json"), (21, "")),
    "no parameters at all": (lambda w: post(), (21, "")),
    "empty query": (lambda w: post().replace(b"/router/rest", b"/router/rest?"), (21, "")),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
async def test_row(row: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Broken framing is a bare status without a record; everything that can be read ends as the table says."""
    make, expected = ROWS[row]
    await check(world, make(world), expected, caplog)


async def test_url_of_8_kib(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The longest URL is served."""
    data = padded_query(world, 8 * KIB)
    assert data.index(b" HTTP/1.1") == len(b"GET ") + 8 * KIB
    answer = await ask(world, data)
    assert (answer.status, answer.log and answer.log.errorCode) == (200, "0")


@pytest.mark.parametrize(
    "data",
    [of_length(100, b"a=1"), lambda w: request(b"POST", b"", b"Transfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n"],
)
async def test_bodies_that_end_too_soon(data: Made, world: World) -> None:
    """A caller that hangs up in mid-body is told nothing, and leaves no record: there was no request."""
    answer = await ask(world, data(world), and_hang_up=True)
    assert (answer.status, answer.log) == (0, None)


async def test_a_body_longer_than_it_says(world: World) -> None:
    """What stands behind the body is the next request: here none that can be read."""
    data = of_length(3, b"a=1&sign=x")(world).replace(b"Connection: close\r\n", b"")
    answer = await ask(world, data)
    assert (answer.status, answer.log and answer.log.errorCode) == (200, "21")
    assert b"HTTP/1.1 400" in answer.body


async def test_a_hundred_calls_in_one_packet(world: World) -> None:
    """Pipelined calls are answered in their order, each with its own record."""
    calls = [get(world.signed(n=f"{n:03}")).replace(b"Connection: close\r\n", b"") for n in range(99)]
    said, logs = await exchange(world, b"".join(calls) + get(world.signed(n="099")))
    places = [said.index(b'{"n":"%03d"}' % n) for n in range(100)]
    assert places == sorted(places)
    assert (said.count(b"HTTP/1.1 200 OK"), len(logs)) == (100, 100)


async def test_leave_to_send(world: World) -> None:
    """Expect: 100-continue gets its leave, then its answer."""
    data = post(world.signed(), head=b"Expect: 100-continue\r\n")
    answer = await ask(world, data)
    assert answer.status == 100
    assert answer.body.startswith(b"HTTP/1.1 200 OK")
