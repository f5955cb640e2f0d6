"""The protocol's sections on envelopes, sentence by sentence: what is on the wire, byte for byte."""

import json
from xml.etree import ElementTree

import pytest
from starlette.responses import Response

from openplatform.errors import ERROR_TABLE
from openplatform.protocol import encode_query
from tests.gateway_world import World
from tests.raw_http import RawAnswer, exchange, form_post

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


async def answered(world: World, body: str, **params: str | None) -> RawAnswer:
    """The answer on the wire when the service says body."""
    world.answers["/echo"] = Response(body.encode(), media_type="application/json")
    return await exchange(world.port, form_post(encode_query(world.signed(**params))))


def envelope(answer: RawAnswer, inner: str, root: str = "open_echo_get_response") -> bytes:
    return f'{{"{root}":{{{inner}"request_id":"{answer.headers["x-request-id"]}"}}}}'.encode()


@pytest.mark.parametrize(
    ("body", "inner"),
    [
        ("{}", ""),
        (' { "a" : 1.50 , "b":"é中😀" } ', ' "a" : 1.50 , "b":"é中😀",'),
        ('{"id":123456789012345678901234567890,"e":1E30}', '"id":123456789012345678901234567890,"e":1E30,'),
        (r'{"a":"\u4e2d\u6587\ud83d\ude00\u00e9"}', '"a":"中文😀é",'),
        (r'{"a":"\u0022\u005c\u000a\\u4e2d\/"}', r'"a":"\"\\\n\\u4e2d\/",'),
        ('{"request_id":"theirs","a":1}', '"a":1,'),
        ('{"orders":[{"id":1,"items":[]}]}', '"orders":{"order":[{"id":1,"items":{"item":[]}}]},'),
        ('{"ids":[9007199254740993,2]}', '"ids":{"id":[9007199254740993,2]},'),
    ],
)
async def test_json(world: World, body: str, inner: str) -> None:
    """One root, request_id last; numbers as the service sent them, escapes as UTF-8, lists wrapped by their singular."""
    answer = await answered(world, body)
    assert answer.body == envelope(answer, inner)


async def test_the_platforms_prefix_is_dropped(world: World) -> None:
    """`taobao.x.get` answers as `x_get_response`, any other name whole."""
    await world.put_route("taobao.x.get", "/echo")
    await world.put_route("alibaba.x.get", "/echo")
    for name, root in (("taobao.x.get", "x_get_response"), ("alibaba.x.get", "alibaba_x_get_response")):
        answer = await exchange(world.port, form_post(encode_query(world.signed(name))))
        assert list(json.loads(answer.body)) == [root]


async def test_names_of_items_are_configured_per_api(world: World) -> None:
    """In both formats; the singular is only the default."""
    await world.put_route("open.echo.get", "/echo", list_items={"orders": "trade"})
    body = '{"orders":[{"id":1}],"boxes":["a"]}'
    answer = await answered(world, body)
    assert answer.body == envelope(answer, '"orders":{"trade":[{"id":1}]},"boxes":{"box":["a"]},')
    root = ElementTree.fromstring((await answered(world, body, format="xml")).body)
    assert (root.find("orders").get("list"), root.find("orders/trade/id").text) == ("true", "1")
    assert root.find("boxes/box").text == "a"


@pytest.mark.parametrize("simplify", ["true", "1"])
async def test_simplify(world: World, simplify: str) -> None:
    """JSON without root and wrappers; an error keeps its root; XML and any other value know nothing of it."""
    answer = await answered(world, '{"orders":[{"ids":[1]}],"n":1}', simplify=simplify)
    assert answer.body == f'{{"orders":[{{"ids":[1]}}],"n":1,"request_id":"{answer.headers["x-request-id"]}"}}'.encode()
    assert list(json.loads((await answered(world, "[]", simplify=simplify)).body)) == ["error_response"]
    xml = ElementTree.fromstring((await answered(world, '{"orders":[1]}', simplify=simplify, format="xml")).body)
    assert (xml.tag, xml.find("orders/order").text) == ("open_echo_get_response", "1")
    other = await answered(world, '{"orders":[1]}', simplify="false")
    assert other.body == envelope(other, '"orders":{"order":[1]},')


async def test_xml(world: World) -> None:
    """A declaration, UTF-8, escaped text, values as the service sent them, request_id last."""
    body = (
        '{"a":"<中>&\\u0001\\ud83d\\ude00","n":1.50,"id":12345678901234567890,"t":true,"x":null,"o":{"p q":"r"},"l":[]}'
    )
    answer = await answered(world, body, format="xml")
    text = answer.body.decode()
    assert text.startswith('<?xml version="1.0" encoding="utf-8" ?><open_echo_get_response>')
    root = ElementTree.fromstring(answer.body)
    assert [child.tag for child in root] == ["a", "n", "id", "t", "o", "l", "request_id"]
    assert [root.find(name).text for name in ("a", "n", "id", "t")] == [
        "<中>&😀",
        "1.50",
        "12345678901234567890",
        "true",
    ]
    assert root.find("request_id").text == answer.headers["x-request-id"]


async def test_errors_in_both_formats(world: World) -> None:
    """One root, no key beside the known ones, a number for the code; empty sub fields are left out; text in XML."""
    with_sub = json.loads((await exchange(world.port, form_post(encode_query(world.signed("open.no"))))).body)
    assert set(with_sub["error_response"]) == {"code", "msg", "sub_code", "sub_msg", "request_id"}
    bare = await exchange(world.port, form_post(encode_query(world.signed(v="1"))))
    assert set(json.loads(bare.body)["error_response"]) == {"code", "msg", "sub_msg", "request_id"}
    for envelope_ in (with_sub, json.loads(bare.body)):
        assert list(envelope_) == ["error_response"]
        error = envelope_["error_response"]
        assert type(error["code"]) is int and all(type(v) is str for k, v in error.items() if k != "code")
    xml = ElementTree.fromstring(
        (await exchange(world.port, form_post(encode_query(world.signed("open.no", format=None))))).body
    )
    assert (xml.tag, [child.tag for child in xml]) == (
        "error_response", ["code", "msg", "sub_code", "sub_msg", "request_id"],
    )  # fmt: skip
    assert xml.find("code").text == "22"
    assert all(0 < kind.code < 256 for kind in ERROR_TABLE)


@pytest.mark.parametrize("text", ['中文 <b> & "q" \'', "line\r\nbreak\t", "\x07\x1b", "😀"])
async def test_a_services_own_words_arrive(world: World, text: str) -> None:
    """Its sub_msg leaves as it came, raw UTF-8, in JSON; in XML without what XML cannot hold."""
    refusal = json.dumps({"sub_code": "isv.no", "sub_msg": text})
    for answer_format in ("json", "xml"):
        world.answers["/echo"] = Response(refusal, 400)
        answer = await exchange(world.port, form_post(encode_query(world.signed(format=answer_format))))
        if answer_format == "json":
            assert json.loads(answer.body)["error_response"]["sub_msg"] == text
            assert all(character.encode() in answer.body for character in text if ord(character) > 127)
        else:
            plain = "".join(c for c in text if c >= " " or c in "\t\r\n")
            assert (ElementTree.fromstring(answer.body).find("sub_msg").text or "") == plain
