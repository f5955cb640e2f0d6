"""Bodies and characters: odd encodings, JSON of any shape, XML that bombs, uploads that lie."""

import io
import zipfile
import zlib

import pytest

from openplatform.protocol import encode_query
from tests.faults.bad_input.wire import FORM, Made, Refused, check, file_part, get, multipart, post
from tests.gateway_world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_UTF8 = (47, "")
BROKEN_UPLOAD = (3, "isv.upload-fail")
BROKEN_BODY = (41, "isv.invalid-parameter:body")
BOMB = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 1000 + b'">]><l>' + b"&b;" * 1000 + b"</l>"
MIB = 1024 * 1024


def text(value: str) -> tuple[Made, dict[str, str]]:
    """A value that goes to the service as it is."""
    return lambda world: post(world.signed("open.echo.post", a=value)), {"a": value}


def spelled(spelling: bytes, value: str) -> tuple[Made, dict[str, str]]:
    """The parameter a, signed with its value, spelled in the body like this."""

    def make(world: World) -> bytes:
        params = world.signed(a=value)
        del params["a"]
        return post(encode_query(params).encode() + b"&a=" + spelling)

    return make, {"a": value}


def unreadable(spelling: bytes, content_type: bytes = FORM) -> tuple[Made, Refused]:
    return lambda world: post(b"format=json&a=" + spelling, content_type=content_type), NOT_UTF8


def json_body(members: bytes, expected: Refused | dict[str, str]) -> tuple[Made, Refused | dict[str, str]]:
    """A JSON object beside system parameters in the query; signed when the service is to get it."""

    def make(world: World) -> bytes:
        business = expected if isinstance(expected, dict) else {}
        params = world.signed("open.echo.post", **business)
        system = {name: value for name, value in params.items() if name not in business}
        return post(b"{" + members + b"}", query=encode_query(system).encode(), content_type=b"application/json")

    return make, expected


def raw_body(content: bytes, content_type: bytes) -> tuple[Made, dict[str, str]]:
    """A body that is no form: signed as it is, and for nobody to interpret."""

    def make(world: World) -> bytes:
        params = world.signed("open.echo.post", body=content)
        return post(content, query=encode_query(params).encode(), content_type=content_type)

    return make, {}


def upload(*parts: bytes, boundary: bytes = b"B", **params: str) -> Made:
    return lambda world: multipart(world.signed("open.echo.post", **params), *parts, boundary=boundary)


def broken(content: bytes, content_type: bytes = b"multipart/form-data; boundary=B") -> tuple[Made, Refused]:
    return lambda world: post(content, query=b"format=json", content_type=content_type), BROKEN_UPLOAD


def zip_bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(16 * MIB))
    return made.getvalue()


ROWS: dict[str, tuple[Made, Refused | dict[str, str]]] = {
    # encoding
    "space as plus": spelled(b"1+2", "1 2"),
    "space as %20": spelled(b"1%202", "1 2"),
    "plus as %2b": spelled(b"1%2b2", "1+2"),
    "escape of an escape": spelled(b"%2525", "%25"),
    "escapes that are none": spelled(b"%zz%4%%", "%zz%4%%"),
    "percent at the end": spelled(b"100%", "100%"),
    "raw UTF-8": spelled("红色".encode(), "红色"),
    "plain equals sign": spelled(b"1=2", "1=2"),
    "overlong slash": unreadable(b"%C0%AF"),
    "surrogate": unreadable(b"%ED%A0%80"),
    "above U+10FFFF": unreadable(b"%F4%90%80%80"),
    "cut in mid-character": unreadable(b"%E7%BA"),
    "raw 0xff": unreadable(b"\xff"),
    "GBK": unreadable(b"%BA%EC", b"application/x-www-form-urlencoded;charset=gbk"),
    "raw GBK": unreadable("红色".encode("gbk"), b"application/x-www-form-urlencoded;charset=gbk"),
    "UTF-16 body": (lambda w: post("a=1".encode("utf-16")), NOT_UTF8),
    "BOM before the body": (lambda w: post(b"\xef\xbb\xbf" + encode_query(w.signed()).encode()), (21, "")),
    "BOM in a value": text("\ufeff1"),
    "NFC": text("é"),
    "NFD": text("e\u0301"),
    "emoji": text("👩‍👩‍👧‍👦🍵"),
    "right to left": text("\u202eabc\u202c שלום"),
    "too long for the URL of a service": (lambda w: post(w.signed(a="1", note="长" * 8000)), (41, "isv.invalid-parameter:note")),
    "ten megabytes for the URL of a service": (
        lambda w: post(w.signed(a="1", note="x" * 10_000_000)),
        (41, "isv.invalid-parameter:note"),
    ),
    "too long for a path": (lambda w: post(w.signed("open.item.get", item_id="x" * 70_000)), (41, "isv.invalid-parameter:item_id")),
    "just short enough for a URL": (lambda w: post(w.signed(a="x" * 60_000)), {"a": "x" * 60_000}),
    "line separators": text("a\u2028b\u2029c\u0085"),
    "NUL": text("a\0b"),
    "line breaks": text("a\r\nb\tc"),
    "a million characters": text("长" * 300_000),
    # JSON
    "JSON types": json_body(b'"n":1.50,"t":true,"z":null,"l":[1, "x"]', {"n": "1.50", "t": "true", "z": "null", "l": '[1, "x"]'}),
    "number of 100,000 digits": json_body(b'"n":' + b"9" * 100_000, {"n": "9" * 100_000}),
    "2^63 and beyond": json_body(b'"n":9223372036854775808', {"n": "9223372036854775808"}),
    "1e309": json_body(b'"n":1e309', {"n": "1e309"}),
    "NaN": json_body(b'"n":NaN', BROKEN_BODY),
    "Infinity": json_body(b'"n":-Infinity', BROKEN_BODY),
    "a name twice": json_body(b'"n":1,"n":1', (41, "isv.invalid-parameter:n")),
    "depth of 10,000": json_body(b'"n":' + b"[" * 10_000 + b"]" * 10_000, BROKEN_BODY),
    "unfinished depth": json_body(b'"n":' + b'{"a":' * 100_000, BROKEN_BODY),
    "100,000 keys": json_body(b",".join(b'"k%d":1' % n for n in range(100_000)), BROKEN_BODY),
    "lone surrogate": json_body(b'"n":"\\ud800"', BROKEN_BODY),
    "trailing comma": json_body(b'"n":1,', BROKEN_BODY),
    "bytes that are no UTF-8": json_body(b'"n":"\xff"', NOT_UTF8),
    "__proto__": json_body(b'"__proto__":{"admin":true}', {"__proto__": '{"admin":true}'}),
    "a list": raw_body(b'[{"a":1}]', b"application/json"),
    # XML and other raw bodies
    "entities that laugh": raw_body(BOMB, b"text/xml"),
    "external entity": raw_body(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', b"text/xml"),
    "remote DTD": raw_body(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>', b"application/xml"),
    "depth of 100,000": raw_body(b"<a>" * 100_000, b"text/xml"),
    "compressed": raw_body(zlib.compress(bytes(MIB)), b"application/gzip"),
    "no such type": raw_body(bytes(range(256)), b"\xff/;;;="),
    # uploads
    "a file": (upload(file_part(b"f", b"\x89PNG\0\xff"), a="中"), {"a": "中"}),
    "name that climbs": (upload(file_part(b"f", b"x", b"../../etc/passwd\\..\\x"), a="1"), {"a": "1"}),
    "file of 1 MiB and a byte": (upload(file_part(b"f", b"x" * (MIB + 1)), a="1"), {"a": "1"}),
    "archive that bombs": (upload(file_part(b"f", zip_bomb()), a="1"), {"a": "1"}),
    "a form inside a file": (
        upload(file_part(b"f", b'--C\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--C--'), a="1"),
        {"a": "1"},
    ),
    "file of a system parameter's name": (upload(file_part(b"session", b"x"), file_part(b"sign", b"y"), a="1"), {"a": "1"}),
    "1,001 parts": (upload(*[file_part(b"f%d" % n, b"") for n in range(1001)]), (41, "isv.invalid-parameter:body")),
    "a part twice": (upload(b'Content-Disposition: form-data; name="a"\r\n\r\n1', a="1"), (41, "isv.invalid-parameter:a")),
    "no boundary": broken(b"--B\r\n\r\n", b"multipart/form-data"),
    "empty boundary": broken(b"--\r\n\r\n", b'multipart/form-data; boundary=""'),
    "boundary of 10 kB": broken(b"x", b"multipart/form-data; boundary=" + b"B" * 10_000),
    "boundary that is not in it": broken(b"x" * 1000),
    "part without a name": broken(b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--"),
    "part without a head": broken(b"--B\r\n\r\nx\r\n--B--"),
    "part without an end": broken(b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx'),
    "part with an endless head": broken(b"--B\r\nA: " + b"b" * 100_000 + b"\r\n\r\nx\r\n--B--"),
    "nothing but the end": (lambda w: post(b"--B--", query=b"format=json", content_type=b"multipart/form-data; boundary=B"), (21, "")),
    "text that is no UTF-8": (upload(b'Content-Disposition: form-data; name="b"\r\n\r\n\xff'), NOT_UTF8),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
async def test_row(row: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Each row ends with its one documented code, or reaches the service as it was sent."""
    make, expected = ROWS[row]
    await check(world, make(world), expected, caplog)


async def test_body_of_a_get(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A GET may carry a form, as some clients send it."""
    body = b"b=2"
    head = b"Content-Type: " + FORM + b"\r\nContent-Length: %d\r\n" % len(body)
    params = world.signed(a="1", b="2")
    query = {name: value for name, value in params.items() if name != "b"}
    await check(world, get(query, head=head) + body, {"a": "1", "b": "2"}, caplog)
