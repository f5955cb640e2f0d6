"""Answers as TOP SDKs expect them: one root, lists wrapped, raw UTF-8; JSON, XML and simplified JSON.

A service's JSON passes as bytes when nothing in it must change, so that numbers of any length leave as the service sent them.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import orjson

from openplatform.protocol.xml_writer import declaration, element, open_tag

JSON_TYPE = b"application/json;charset=UTF-8"
XML_TYPE = b"text/xml;charset=UTF-8"

_BACKSLASH, _BRACKET, _Q = b"\\[q"
# Checks the grammar and makes nothing of it: a quarter of what building the objects costs. It takes any bytes inside strings.
_any = msgspec.json.Decoder(msgspec.Raw)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])


class ErrorBody(NamedTuple):
    """An error's fields as they leave; empty sub fields are left out of the body."""

    code: int
    msg: str
    sub_code: str
    sub_msg: str
    request_id: str


def root_name(api_name: str, platform_prefix: str = "taobao.") -> str:
    """`open.order.get` → `open_order_get_response`; the platform's prefix is dropped."""
    return api_name.removeprefix(platform_prefix).replace(".", "_") + "_response"


def render_success(
    body: bytes, *, root: str, request_id: str, as_json: bool, simplify: bool, list_items: Mapping[str, str]
) -> bytes:
    """The answer around a service's JSON object. Raises ValueError when body is no JSON object in UTF-8.

    root: from root_name(); list_items: list name → item name where it is not the singular; simplify counts for JSON only.
    """
    # A byte is looked for as a number: ten times as fast as any other way, and most answers have none of these.
    if _BACKSLASH in body and b"\\u" in body:
        body = _without_escapes(body)
    _any.decode(body)
    if body.lstrip()[:1] != b"{" or not (body.isascii() or body.decode()):
        raise ValueError("not a JSON object")
    if not as_json:
        return _xml_success(body, root, request_id, list_items)
    # The usual small answer: joined into its envelope byte by byte.
    if (_BRACKET in body and not simplify) or (_Q in body and b'"request_id"' in body):
        body = _reshape(body, list_items, wrap=not simplify, top=True)
    inner = body.strip()[1:-1].rstrip()
    ending = f'"request_id":"{request_id}"}}'.encode()
    if inner:
        ending = b"," + ending
    if simplify:
        return b"{" + inner + ending
    return b'{"' + root.encode() + b'":{' + inner + ending + b"}"


def render_error(error: ErrorBody, *, as_json: bool) -> bytes:
    """The error envelope; it keeps its root under simplify too."""
    fields: dict[str, Any] = {"code": error.code, "msg": error.msg}
    if error.sub_code:
        fields["sub_code"] = error.sub_code
    if error.sub_msg:
        fields["sub_msg"] = error.sub_msg
    fields["request_id"] = error.request_id
    if as_json:
        return orjson.dumps({"error_response": {k: _encodable(v) for k, v in fields.items()}})
    out = [declaration(), open_tag("error_response")]
    for name, value in fields.items():
        element(out, name, value if isinstance(value, str) else str(value))
    out.append("</error_response>")
    return "".join(out).encode()


def _encodable(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.")


def _without_escapes(body: bytes) -> bytes:
    """The same JSON with `\\uXXXX` written as UTF-8 (two official SDKs decode such escapes wrongly), all else untouched."""
    return _ESCAPES.sub(_plain, body.decode()).encode("utf-8", "replace")


def _plain(found: re.Match[str]) -> str:
    escape = found.group()
    if escape[1] != "u":
        return escape
    # Characters that JSON must escape stay escaped, in their short form where there is one.
    return json.dumps(json.loads(f'"{escape}"'), ensure_ascii=False)[1:-1]


def _reshape(raw: bytes, list_items: Mapping[str, str], *, wrap: bool, top: bool = False) -> bytes:
    """An object with its lists wrapped by item names (at any depth); at the top, a request_id of the service's is left out."""
    parts = []
    for name, value in _object.decode(raw).items():
        if top and name == "request_id":
            continue
        member = bytes(value)
        if wrap:
            first = member[:1]
            if first == b"{":
                member = _reshape(member, list_items, wrap=True)
            elif first == b"[":
                items = b",".join([_reshape_item(bytes(item), list_items) for item in _array.decode(member)])
                member = b"{" + orjson.dumps(item_name(name, list_items)) + b":[" + items + b"]}"
        parts.append(orjson.dumps(name) + b":" + member)
    return b"{" + b",".join(parts) + b"}"


def _reshape_item(item: bytes, list_items: Mapping[str, str]) -> bytes:
    return _reshape(item, list_items, wrap=True) if item[:1] == b"{" and b"[" in item else item


_SINGULARS = ((re.compile(r"ies$"), "y"), (re.compile(r"(ss|x|ch|sh)es$"), r"\1"), (re.compile(r"(?<!s)s$"), ""))


def item_name(list_name: str, list_items: Mapping[str, str]) -> str:
    """The name of a list's items: configured per API, else the singular, else the list's own name."""
    configured = list_items.get(list_name)
    if configured:
        return configured
    for plural, singular in _SINGULARS:
        name, changed = plural.subn(singular, list_name)
        if changed:
            return name
    return list_name


def _xml_success(body: bytes, root: str, request_id: str, list_items: Mapping[str, str]) -> bytes:
    # Numbers are read as text: XML writes them as the service did.
    value = json.loads(body, parse_float=str, parse_int=str)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    value.pop("request_id", None)
    out = [declaration(), open_tag(root)]
    for name, member in value.items():
        _xml_member(out, name, member, list_items)
    element(out, "request_id", request_id)
    out.append(f"</{root}>")
    return "".join(out).encode("utf-8", "replace")


def _xml_member(out: list[str], name: str, value: Any, list_items: Mapping[str, str]) -> None:
    if value is None:
        return
    if isinstance(value, dict):
        tag = open_tag(name)
        out.append(tag)
        for inner, member in value.items():
            _xml_member(out, inner, member, list_items)
        out.append("</" + tag[1:])
    elif isinstance(value, list):
        tag = open_tag(name)
        out.append(tag[:-1] + ' list="true">')
        item = item_name(name, list_items)
        for member in value:
            _xml_member(out, item, member, list_items)
        out.append("</" + tag[1:])
    else:
        element(out, name, ("true" if value else "false") if isinstance(value, bool) else value)
