"""The protocol's section on transport, sentence by sentence, over raw sockets and through both doors."""

import gzip
import json

import pytest

from openplatform.protocol import encode_query
from tests.gateway_world import World
from tests.raw_http import exchange, form_post

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
CLOSE = "Host: x\r\nConnection: close\r\n"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_get_and_post_only(world: World, method: str) -> None:
    """Anything else is error 9, over 200, in the format asked for, with a request id."""
    query = encode_query(world.signed())
    answer = await exchange(world.port, f"{method} /router/rest?{query} HTTP/1.1\r\n{CLOSE}\r\n".encode())
    error = json.loads(answer.body)["error_response"]
    assert (answer.head, error["code"], error["request_id"]) == ("HTTP/1.1 200 OK", 9, answer.headers["x-request-id"])


async def test_head_is_no_call(world: World) -> None:
    """HEAD is one of the others: its answer has the headers of error 9, and by HTTP's rule no body."""
    query = encode_query(world.signed())
    answer = await exchange(world.port, f"HEAD /router/rest?{query} HTTP/1.1\r\n{CLOSE}\r\n".encode())
    assert (answer.head, answer.body) == ("HTTP/1.1 200 OK", b"")
    assert int(answer.headers["content-length"]) > 0
    (log,) = await world.logs()
    assert log.errorCode == "9"
    assert world.seen == []


@pytest.mark.parametrize("case", ["good", "signature", "unreadable", "xml"])
async def test_every_answer_has_a_request_id(world: World, case: str) -> None:
    """In the header and in the body, the same."""
    params = world.signed(format="xml" if case == "xml" else "json")
    body = encode_query({**params, "sign": "0"} if case == "signature" else params)
    answer = await exchange(world.port, form_post("a=%ff&format=json" if case == "unreadable" else body))
    assert answer.headers["x-request-id"].encode() in answer.body
    assert len(answer.headers["x-request-id"]) >= 16


async def test_errors_are_200_unless_the_app_wants_otherwise(world: World) -> None:
    """A setting per app; before the app is known it is 200; a batch that is refused as a whole likewise."""
    for wants, expected in ((False, "HTTP/1.1 200 OK"), (True, "HTTP/1.1 401 Unauthorized")):
        await world.put_app(real_status_codes=wants)
        wrong = encode_query({**world.signed(), "sign": "0"})
        assert (await exchange(world.port, form_post(wrong))).head == expected
        batch = form_post("N", path=f"/router/batch?{wrong}", content_type="text/plain")
        assert (await exchange(world.port, batch)).head == expected
    assert (await exchange(world.port, form_post("method=x"))).head == "HTTP/1.1 200 OK"


async def test_codes_7_and_10_say_when_to_come_again(world: World) -> None:
    """Retry-After with both; RateLimit headers with 7; neither with anything else."""
    await world.put_app(daily_limit=0)
    limited = await exchange(world.port, form_post(encode_query(world.signed())))
    assert int(limited.headers["retry-after"]) >= 1
    assert limited.headers["ratelimit-reset"] == limited.headers["retry-after"]
    assert (limited.headers["ratelimit-limit"], limited.headers["ratelimit-remaining"]) == ("0", "0")
    await world.put_app()
    world.embedded.redis_server.connected = False
    try:
        busy = await exchange(world.port, form_post(encode_query(world.signed(session="never seen"))))
    finally:
        world.embedded.redis_server.connected = True
    assert (json.loads(busy.body)["error_response"]["code"], busy.headers["retry-after"]) == (10, "1")
    other = await exchange(world.port, form_post(encode_query(world.signed(v="3"))))
    assert not {"retry-after", "ratelimit-limit"} & set(other.headers)


async def test_gzip_when_asked_for(world: World) -> None:
    """Batches and errors as well as calls; never otherwise."""
    long = encode_query(world.signed(a="x" * 3000))
    zipped = await exchange(world.port, form_post(long, "Accept-Encoding: gzip, deflate"))
    plain = await exchange(world.port, form_post(long))
    assert (zipped.headers["content-encoding"], zipped.headers["vary"]) == ("gzip", "accept-encoding")
    assert json.loads(gzip.decompress(zipped.body))["open_echo_get_response"]["echo"] == {"a": "x" * 3000}
    assert "content-encoding" not in plain.headers
    assert int(zipped.headers["content-length"]) == len(zipped.body)


async def test_the_format_alone_decides(world: World) -> None:
    """Accept is ignored; the content types are those that SDKs look for."""
    for answer_format, kind in (("json", "application/json;charset=UTF-8"), ("xml", "text/xml;charset=UTF-8")):
        body = encode_query(world.signed(format=answer_format))
        answer = await exchange(
            world.port, form_post(body, "Accept: text/html,application/xml;q=0.9", "Accept-Language: zh")
        )
        assert answer.headers["content-type"] == kind
        assert answer.headers.get("x-content-type-options") == ("nosniff" if answer_format == "json" else None)


async def test_bounds_that_can_be_told_in_an_envelope(world: World) -> None:
    """257 parameters are 41; the 256th still passes."""
    for count, code in ((256, None), (257, 41)):
        system = world.signed()
        extra = {f"p{n}": "1" for n in range(count - len(system))}
        answer = await exchange(world.port, form_post(encode_query(world.signed(**extra))))
        assert json.loads(answer.body).get("error_response", {}).get("code") == code
