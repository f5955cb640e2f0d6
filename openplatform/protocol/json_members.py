"""Reads a JSON body that is merged like a form: its members, each value as text, byte for byte as it was sent."""

import re

import msgspec

from openplatform.errors import INVALID_ARGUMENT, INVALID_ENCODING

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')


def json_members(body: bytes, *, max_members: int) -> list[tuple[str, str]]:
    """(name, text) of each member of the object: strings decoded, everything else as its JSON text. A name that stands there twice
    ends the list, twice.

    Raises error 41 for what is no JSON object and for too many members, 47 for what is not UTF-8. The time is bounded by the
    body's length, whatever is nested in it: nothing below the members is built.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        raise INVALID_ENCODING() from None
    try:
        members = _members.decode(body)
        if len(members) > max_members:
            raise INVALID_ARGUMENT(f"a call may carry at most {max_members} parameters", name="body")
        return [(name, _value(bytes(members[name]))) for name in _names(body, members)]
    except (msgspec.DecodeError, RecursionError):
        raise INVALID_ARGUMENT("the body is not a JSON object", name="body") from None


def _value(raw: bytes) -> str:
    return _text.decode(raw) if raw[:1] == b'"' else raw.decode()


def _names(body: bytes, members: dict[str, msgspec.Raw]) -> list[str]:
    """The names in their order. Of two equal ones msgspec keeps the later value: a walk over the values that it kept stumbles, or
    meets the name again."""
    names: list[str] = []
    at = _after_space(body, 0)
    while len(names) < len(members) or body[at : at + 1] == b",":
        at = _after_space(body, at + 1)  # past { or ,
        found = _STRING.match(body, at)
        assert found is not None  # msgspec has read the whole body
        name = _text.decode(found.group())
        at = _after_space(body, _after_space(body, found.end()) + 1)  # past :
        value = bytes(members[name])
        end = _after_space(body, at + len(value))
        is_kept = body.startswith(value, at) and body[end : end + 1] in (b",", b"}")
        if name in names or not is_kept:
            return [*names, name, name]
        names.append(name)
        at = end
    return names


def _after_space(body: bytes, at: int) -> int:
    found = _SPACE.match(body, at)
    assert found is not None  # an empty run matches
    return found.end()
