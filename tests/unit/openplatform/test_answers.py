"""Envelopes as SDKs read them."""

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.protocol import ErrorBody, render_error, render_success, root_name

ORDER = b'{"order":{"order_id":90071992547409931234,"price":1.50,"name":"\xe4\xb8\xad&<","note":null,"paid":true}}'


def success(
    body: bytes, *, as_json: bool = True, simplify: bool = False, list_items: dict[str, str] | None = None
) -> str:
    return render_success(
        body, root="r_response", request_id="id1", as_json=as_json, simplify=simplify, list_items=list_items or {}
    ).decode()


def test_root_name() -> None:
    """The platform's prefix goes, dots become underscores."""
    assert root_name("open.order.get") == "open_order_get_response"
    assert root_name("taobao.time.get") == "time_get_response"


def test_small_json_passes_byte_for_byte() -> None:
    """What a service answered stands in the envelope unchanged, numbers of any length included."""
    assert success(ORDER) == '{"r_response":' + ORDER[:-1].decode() + ',"request_id":"id1"}}'
    assert success(b" {} ") == '{"r_response":{"request_id":"id1"}}'
    assert success(ORDER, simplify=True) == ORDER[:-1].decode() + ',"request_id":"id1"}'


def test_lists_are_wrapped_at_any_depth() -> None:
    """Normal JSON wraps lists by their item's name; simplify leaves them bare."""
    body = b'{"orders":[{"id":1,"entries":[{"x":[]}],"boxes":[1],"stock":[2]}],"total":1}'
    assert json.loads(success(body)) == {
        "r_response": {
            "orders": {
                "order": [
                    {"id": 1, "entries": {"entry": [{"x": {"x": []}}]}, "boxes": {"box": [1]}, "stock": {"stock": [2]}}
                ]
            },
            "total": 1,
            "request_id": "id1",
        }
    }
    assert json.loads(success(body, simplify=True)) == {**json.loads(body), "request_id": "id1"}
    assert '"orders":{"trade":[' in success(body, list_items={"orders": "trade"})


def test_escapes_leave_as_utf8() -> None:
    """No \\uXXXX reaches an SDK; characters that JSON must escape stay escaped."""
    body = rb'{"a":"\u4e2d\ud83d\ude00\u0022\n\\u4e2d","n":1.50,"lone":"\ud800"}'
    answer = success(body)
    assert json.loads(answer)["r_response"] == {"a": '中😀"\n\\u4e2d', "n": 1.5, "lone": "?", "request_id": "id1"}
    assert "中😀" in answer
    assert "1.50" in answer


def test_a_services_own_request_id_is_replaced() -> None:
    """Exactly one request_id, ours, last."""
    assert success(b'{"request_id":"theirs","a":1}') == '{"r_response":{"a":1,"request_id":"id1"}}'


def test_xml() -> None:
    """UTF-8 with a declaration, numbers as sent, lists marked, characters that XML cannot hold dropped."""
    body = b'{"orders":[{"id":90071992547409931234,"n":1.50}],"t":"<\\u0001>&","ok":true,"none":null,"1 x":"y"}'
    text = success(body, as_json=False)
    assert text.startswith('<?xml version="1.0" encoding="utf-8" ?><r_response>')
    root = ElementTree.fromstring(text)
    assert root.find("orders").get("list") == "true"
    assert root.find("orders/order/id").text == "90071992547409931234"
    assert root.find("orders/order/n").text == "1.50"
    assert [(e.tag, e.text) for e in root][1:] == [("t", "<>&"), ("ok", "true"), ("_1_x", "y"), ("request_id", "id1")]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'"x"', b"{", b'{"a":\xff}', b'{"a":"\xff"}', b"<html>", b"null", b'{"a":1}x', b"{'a':1}", b'{"a":01}',
        b'{"a":"\n"}', b'{"a":NaN}', b'{"a":"\\x"}', b'{"a":1,}', b"\xef\xbb\xbf{}", b" [{}]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_json_object_is_refused(body: bytes, as_json: bool) -> None:
    """A service's rubbish never reaches the caller."""
    with pytest.raises(ValueError):
        success(body, as_json=as_json)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name != "request_id"), JSON, max_size=4), st.booleans())
def test_any_object_can_be_answered(value: dict, ascii_only: bool) -> None:
    """Whatever JSON object a service answers, escaped or not: simplify gives it back, XML is well-formed."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace")
    expected = json.loads(json.dumps(value).encode("utf-8", "replace").decode())
    if all(ord(c) not in range(0xD800, 0xE000) for c in json.dumps(value, ensure_ascii=False)):
        assert json.loads(success(body, simplify=True)) == {**expected, "request_id": "id1"}
    ElementTree.fromstring(success(body, as_json=False))
    json.loads(success(body))


def test_errors() -> None:
    """One root, a number as code, empty sub fields left out; XML carries the same elements."""
    full = ErrorBody(29, "Invalid app Key", "isv.appkey-not-exists", "中 <x>", "id1")
    assert json.loads(render_error(full, as_json=True)) == {
        "error_response": {
            "code": 29, "msg": "Invalid app Key", "sub_code": "isv.appkey-not-exists", "sub_msg": "中 <x>", "request_id": "id1",
        }
    }  # fmt: skip
    assert list(json.loads(render_error(ErrorBody(9, "m", "", "", "i"), as_json=True))["error_response"]) == [
        "code",
        "msg",
        "request_id",
    ]
    root = ElementTree.fromstring(render_error(full, as_json=False))
    assert root.tag == "error_response"
    assert [(e.tag, e.text) for e in root] == [
        ("code", "29"), ("msg", "Invalid app Key"), ("sub_code", "isv.appkey-not-exists"), ("sub_msg", "中 <x>"),
        ("request_id", "id1"),
    ]  # fmt: skip
    json.loads(render_error(ErrorBody(1, "m", "", "\ud800", "i"), as_json=True))
