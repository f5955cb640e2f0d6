"""What SDKs in the field do to a careless gateway: each a test, over raw sockets and through both doors."""

import json

import pytest

from openplatform.protocol import encode_query
from openplatform.signing import SigningKey, canonical_text
from tests.gateway_world import SECRET, World
from tests.raw_http import exchange, form_post

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


async def echoed(world: World, request: bytes, *, pieces: tuple[bytes, ...] = ()) -> dict[str, str] | int:
    """The business parameters as the service got them, or the error's code."""
    answer = json.loads((await exchange(world.port, request, pieces=pieces)).body)
    (body,) = answer.values()
    return body["echo"] if "echo" in body else body["code"]


async def test_values_stay_as_they_were_sent(world: World) -> None:
    """Nothing is trimmed, blank values are kept, `+` is a space and `%2B` a plus, in names too."""
    values = {"a": " x ", "blank": "", "plus": "1+1 =\t2", "n m": "%41", "中": "文\r\n", "e": "=&"}
    assert await echoed(world, form_post(encode_query(world.signed("open.echo.post", **values)))) == values
    bare = encode_query(world.signed("open.echo.post", blank="")).replace("blank=", "blank")
    assert await echoed(world, form_post(bare)) == {"blank": ""}


async def test_empty_names_kept_while_signing(world: World) -> None:
    """PHP and Python SDKs send `k=` and sign the bare name: accepted, and only with an empty value."""
    params = {**world.signed(k=""), "k": ""}
    params["sign"] = SigningKey(SECRET).sign(canonical_text(params, keep_empty=True), "hmac-sha256")
    assert await echoed(world, form_post(encode_query(params))) == {"k": ""}
    assert await echoed(world, form_post(encode_query({**params, "k": "1"}))) == 25


async def test_absent_and_empty_system_parameters(world: World) -> None:
    """`session=` counts as missing; without sign_method it is md5; v other than 2.0 is 33."""
    assert await echoed(world, form_post(encode_query(world.signed(session="")))) == 26
    assert await echoed(world, form_post(encode_query(world.signed(sign_method=None)))) == {}
    assert await echoed(world, form_post(encode_query(world.signed(v="2")))) == 33
    assert (
        await echoed(world, form_post(encode_query(world.signed(partner_id="top-sdk-java", target_app_key="")))) == {}
    )


async def test_a_name_twice(world: World) -> None:
    """41, unless both values are equal and one is in the query, the other in the body."""
    body = encode_query(world.signed(a="1"))
    assert await echoed(world, form_post(body, path="/router/rest?a=1")) == {"a": "1"}
    assert await echoed(world, form_post(body, path="/router/rest?a=2")) == 41
    assert await echoed(world, form_post(f"{body}&a=1")) == 41
    assert await echoed(world, form_post(body, path="/router/rest?b=1&b=1")) == 41


@pytest.mark.parametrize(
    "shape",
    ["HTTP/1.0", "no user agent", "body on GET", "lower-case hex", "empty post", "gbk", "no content type", "pipelined"],
)
async def test_shapes_of_requests(world: World, shape: str) -> None:
    """Old HTTP, a GET with a body, a POST with everything in the query, a charset that is not meant: all served."""
    params = world.signed(a="红")
    if shape == "lower-case hex":
        params["sign"] = params["sign"].lower()
    query = encode_query(params)
    sized = f"Connection: close\r\nContent-Length: {len(query)}\r\n\r\n{query}"
    plain = f"GET /router/rest?{query} HTTP/1.1\r\nHost: x\r\n"
    request = {
        "HTTP/1.0": f"GET /router/rest?{query} HTTP/1.0\r\n\r\n".encode(),
        "body on GET": f"GET /router/rest HTTP/1.1\r\nHost: x\r\n{sized}".encode(),
        "empty post": form_post("", path=f"/router/rest?{query}"),
        "gbk": f"{plain}Connection: close\r\nContent-Type: text/html;charset=gbk\r\n\r\n".encode(),
        "no content type": f"POST /router/rest HTTP/1.1\r\nHost: x\r\n{sized}".encode(),
    }.get(shape, f"{plain}Connection: close\r\n\r\n".encode())
    if shape == "pipelined":
        first = await exchange(world.port, f"{plain}\r\n".encode() + request)
        assert first.body.count(b"open_echo_get_response") == 2
        return
    assert await echoed(world, request) == {"a": "红"}


async def test_expect_100_continue(world: World) -> None:
    """The body is asked for, then the call is answered."""
    whole = form_post(encode_query(world.signed(a="1")), "Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    assert await echoed(world, head + b"\r\n\r\n", pieces=(body,)) == {"a": "1"}


MULTIPART = {
    "plain": '--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n',
    "no space": '--b\r\nContent-Disposition: form-data;name="{name}"\r\n\r\n{value}\r\n',
    "unquoted, typed": "--b\r\ncontent-disposition : form-data; name={name}\r\nContent-Type:text/plain\r\n\r\n{value}\r\n",
}
FILES = {
    "usual": '--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n',
    "trailing space": '--b\r\nContent-Disposition: form-data; name="image"; filename="a.png" \r\n\r\n',
    "a path": '--b\r\nContent-Disposition: form-data; name="image"; filename="C:\\\\up\\\\红.png"\r\n\r\n',
    "file": "--b\r\nContent-Disposition: file; name=image\r\n\r\n",
}


@pytest.mark.parametrize("end", ["--b--\r\n", "--b--"])
@pytest.mark.parametrize("start", ["", "\r\n"])
@pytest.mark.parametrize(("part", "file"), [*((p, "usual") for p in MULTIPART), *(("plain", f) for f in FILES)])
async def test_multipart(world: World, part: str, file: str, start: str, end: str) -> None:
    """Text parts are signed, file parts are not; odd spacing, a line break before, none after: accepted."""
    params = world.signed("open.echo.post", a="中 ")
    text = start + "".join(MULTIPART[part].format(name=n, value=v) for n, v in params.items())
    body = text.encode() + FILES[file].encode() + b"\x89PNG\r\n\x00\r\n" + end.encode()
    request = form_post(body, content_type="multipart/form-data;boundary=b")
    assert await echoed(world, request) == {"a": "中 "}


async def test_unknown_parameters_are_signed_and_harm_nobody(world: World) -> None:
    """What an API does not know goes to the service, which ignores it; unsigned it is a wrong signature."""
    body = encode_query(world.signed(callback="jsonp", _="1"))
    assert await echoed(world, form_post(body)) == {"callback": "jsonp", "_": "1"}
    assert await echoed(world, form_post(f"{body}&unsigned=1")) == 25
