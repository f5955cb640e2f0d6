"""Whatever bytes come, readers of requests give a documented answer: no other exception, no long time, nothing misread."""

import contextlib
import json
import random
from xml.etree import ElementTree

import pytest

from gateway.front.bounds import FrontBounds
from gateway.front.door import Door
from gateway.front.reader import RequestReader
from gateway.front.refusal import BARE_ANSWERS, Refused
from gateway.front.request import Request
from gateway.request_content import MAX_CONTENT_CHARS, RequestContent
from openplatform.errors import OpenPlatformError
from openplatform.parameter_schema import ParameterSchema
from openplatform.protocol import (
    encode_query,
    parse_request,
    parse_timestamp,
    read_part,
    render_success,
    split_batch,
)
from openplatform.signing import SigningKey, canonical_text, is_signed
from tests.fuzz.mutation import ALL_TARGETS_S, fuzz
from tests.integration.front.malformed import MALFORMED

FORM = (
    b"method=open.order.get&app_key=1023&sign=AB&timestamp=2026-01-01+00%3A00%3A00&a=%E4%B8%AD+%2B&b=&v=2.0&format=json"
)
MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="method"\r\n\r\nopen.order.get\r\n'
    b'--B\r\nContent-Disposition: file; name="f"; filename="a.png" \r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--B--\r\n'
)
JSON = b'{"a":"\\u4e2d","n":1.50,"l":[1,{"x":null}],"o":{"a":"}"}, "b" : true}'
BATCH = b"#PUBLIC#method=open.order.get&session=x\r\n-S-\r\norder_id=1\r\n-S-\r\nN\r\n-S-\r\nmethod=a&b=%E4"
CALL = b"POST /router/rest?v=2.0 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: a/b\r\n\r\n%b" % (
    len(FORM),
    FORM,
)
GET = b"GET /router/rest?" + FORM + b" HTTP/1.1\r\nHost: x\r\nUser-Agent: u\r\nAccept: */*\r\n\r\n"
CHUNKED = b"POST /router/rest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n2;x=y\r\n&b\r\n0\r\nT: 1\r\n\r\n"
TYPES = ("application/x-www-form-urlencoded", "", "application/json", "multipart/form-data; boundary=B", "text/xml")
SERVICE = '{"orders":[{"id":12345678901234567890,"名":"a<b]]>\\u0001"}],"total":1,"a":{"b":[[]]},"request_id":"x","s":"\\u4e2d\\/"}'
NAMES = ("page", "price", "is_open", "ids", "filter", "any", "word")
ARGUMENTS = ParameterSchema(
    {
        "type": "object",
        "required": ["page"],
        "additionalProperties": False,
        "properties": {
            "page": {"type": "integer", "minimum": 1, "maximum": 100}, "price": {"type": "number", "multipleOf": 0.01},
            "is_open": {"type": "boolean"}, "ids": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
            "filter": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": ["integer", "null"]}}},
            "any": {"type": ["integer", "boolean", "array", "object", "string"], "enum": [1, True, "x", [1]]},
            "word": {"type": "string", "pattern": "^(a+)+$", "maxLength": 5},
        },
    }
)  # fmt: skip
KEY = SigningKey("secret")


def read(data: bytes, chance: random.Random) -> None:
    """Parameters or one of four codes; what is read is signed, verified, and comes back from a query string as it was."""
    cut = chance.randint(0, len(data)) if chance.random() < 0.5 else 0
    try:
        parsed = parse_request(data[:cut], data[cut:], chance.choice(TYPES))
    except OpenPlatformError as error:
        assert error.code in {3, 41, 47}, error
        assert "\n" not in error.sub_msg
        return
    params = parsed.params
    method = chance.choice(("md5", "hmac", "hmac-sha256"))
    sign = KEY.sign(canonical_text(params, parsed.signed_body), method)
    assert is_signed([KEY], sign, method, params, parsed.signed_body)
    if params and "" not in params:
        assert parse_request(encode_query(params).encode(), b"", "").params == params


def take_apart(data: bytes, chance: random.Random) -> None:
    """A batch's calls or a documented code."""
    separator = chance.choice((b"\r\n-S-\r\n", b"-S-", b"&", b"\n", b"", b"x" * 65))
    try:
        _, calls = split_batch(data, separator, max_calls=20, max_params=256)
        assert 0 < len(calls) <= 20
        for call in calls:
            read_part(call, max_params=256)
    except OpenPlatformError as error:
        assert error.code in {40, 41, 47}, error


class Connection:
    """What one connection's reader makes of its bytes: the requests, and the status that ended it."""

    def __init__(self, door: Door, bounds: FrontBounds) -> None:
        self.requests: list[Request] = []
        self.status = 0
        self._reader = RequestReader(bounds, door, self.requests.append, lambda: None)

    def feed(self, data: bytes) -> None:
        if self.status or (self.requests and not self.requests[-1].head.keep_alive):
            return
        try:
            self._reader.feed(data)
        except Refused as refused:
            self.status = refused.status
            self._reader.drop()

    @property
    def read(self) -> list[tuple[object, ...]]:
        return [
            (r.head.method, r.head.path, r.head.query, r.head.version, r.head.headers, r.body, r.head.keep_alive)
            for r in self.requests
        ]


BOUNDS = FrontBounds()
WARM = Door(BOUNDS)  # lives through the run: what it has learned of heads must not change what is read


def frame(data: bytes, chance: random.Random) -> None:
    """However the bytes are cut into packets, and whatever other connections sent, the same requests come out."""
    if chance.random() < 0.3:
        data = data + data
    whole, pieces = Connection(WARM, BOUNDS), Connection(Door(BOUNDS), BOUNDS)
    whole.feed(data)
    at = 0
    while at < len(data):
        step = chance.choice((1, 2, 7, 40, 400))
        pieces.feed(data[at : at + step])
        at += step
    assert whole.status in {0, *BARE_ANSWERS}
    assert (whole.read, whole.status != 0) == (pieces.read, pieces.status != 0)
    assert WARM.held_bytes in (0, whole._reader._held_bytes)
    whole._reader.drop()


def judge(data: bytes, chance: random.Random) -> None:
    """A schema's yes, or error 40 or 41 in one short line."""
    text = data.decode("utf-8", "replace")
    cut = chance.randint(0, len(text))
    try:
        ARGUMENTS.judge({chance.choice(NAMES): text[:cut], chance.choice(NAMES): text[cut:], text[:cut]: "1"}, ())
    except OpenPlatformError as error:
        assert error.code in {40, 41}, error
        assert error.sub_msg.isprintable(), error


def record(data: bytes, chance: random.Random) -> None:
    """A record's content is one printable line within its bound, without what must be masked."""
    text = data.decode("utf-8", "surrogateescape" if chance.random() < 0.5 else "replace")
    name, _, value = text.partition("=")
    nested = '{"n":[' + value[:50] + '{"Cons_Mobile" : "S3CR3T"}]}'
    content, _ = RequestContent().of(
        {name: value, "session": "S3CR3T", "app_secret": "S3CR3T", "x" + name: "y" * len(data), "trade": nested}
    )
    assert "S3CR3T" not in content
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029" for c in content)
    content.encode()  # a record is UTF-8
    assert len(content) <= MAX_CONTENT_CHARS


def answer(data: bytes, chance: random.Random) -> None:
    """Whatever a service says, its caller gets readable JSON or XML, or the service's answer counts as unreadable."""
    as_json, simplify = chance.random() < 0.6, chance.random() < 0.5
    try:
        body = render_success(
            data, root="a_response", request_id="r1", as_json=as_json, simplify=simplify, list_items={"orders": "order"}
        )
    except (ValueError, RecursionError):
        return
    if as_json:
        said = json.loads(body)
        assert (said if simplify else said["a_response"])["request_id"] == "r1"
    else:
        root = ElementTree.fromstring(body)
        assert (root.tag, root[-1].tag, root[-1].text) == ("a_response", "request_id", "r1")


def tell_time(data: bytes, chance: random.Random) -> None:
    """A time, or ValueError."""
    with contextlib.suppress(ValueError, OverflowError):
        parse_timestamp(data.decode("utf-8", "replace"))


CORPORA = {
    read: [FORM, MULTIPART, JSON, b"a=1", b"", b"[1]", b"<a/>"],
    take_apart: [BATCH, FORM, b"N", b"#PUBLIC#", b"N\r\n-S-\r\nN"],
    frame: [CALL, GET, CHUNKED, CALL + GET, GET + CHUNKED + CALL, *MALFORMED.values()],
    judge: [b"1", b"1.5", b"1,2,3", b"[1,2]", b'{"a":1}', b'{"a":{"b":[1e5,"x"]}}', b"true", b"aaaa!", JSON],
    record: [FORM, b"keyword=\x1b[0m${jndi:ldap}\r\n", b"cons_phone=13800000000", "a=\u2028".encode()],
    answer: [SERVICE.encode(), b"{}", b'{"a":[]}', b'{"a":"\\ud800"}', b'{"a b":{"c<":[1,null,true]}}'],
    tell_time: [b"2026-01-01 00:00:00", b"1451620800000", b"2024-02-29 23:59:59"],
}


@pytest.mark.parametrize("target", CORPORA, ids=lambda target: target.__name__)
def test_no_input_breaks_it(target) -> None:
    """Thousands of mutated requests a second, for a few seconds each."""
    assert fuzz(CORPORA[target], target, seconds=ALL_TARGETS_S / len(CORPORA)) > 0
