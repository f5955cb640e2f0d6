"""Turns a request's query string and body into one flat namespace of text parameters, as they are signed.

Values stay as they were sent: nothing is trimmed, blank values are kept, `+` is a space and `%2B` a plus.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from openplatform.errors import INVALID_ARGUMENT, INVALID_ENCODING
from openplatform.protocol.escapes import unescaped
from openplatform.protocol.json_members import json_members
from openplatform.protocol.multipart import boundary_of, split_parts

SYSTEM_PARAMS = frozenset(
    (
        "method",
        "app_key",
        "session",
        "timestamp",
        "v",
        "format",
        "sign_method",
        "sign",
        "simplify",
        "partner_id",
        "target_app_key",
    )
)
ALWAYS_REQUIRED = frozenset(("method", "app_key", "timestamp", "v", "sign"))
"""Those of them that no call goes without; each has its own error."""
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class ParsedRequest:
    """params: all text parameters, decoded; signed_body: the raw body that is signed after them, b"" for every kind of form;
    files: names of file parts with their content, which are not signed."""

    params: dict[str, str]
    signed_body: bytes = b""
    files: tuple[tuple[str, bytes], ...] = ()


def parse_request(query: bytes, body: bytes, content_type: str, *, max_params: int = 256) -> ParsedRequest:
    """Parses one request. Raises error 47 for what is not UTF-8, 41 for a parameter named twice, too many, or broken bodies.

    content_type: the header as sent; its charset is ignored, it is always UTF-8. A body without a content type counts as a form.
    A name may stand once in the query and once in the body with the same value, as some SDKs send it.
    """
    if not body:
        return ParsedRequest(_merge({}, _pairs(query, max_params), max_params) if query else {})
    kind = content_type if content_type == FORM else content_type.partition(";")[0].strip().lower()
    if kind in (FORM, ""):
        if not query:
            found = _pairs(body, max_params)
            params = dict(found)
            if len(params) != len(found) or len(params) > max_params:
                _merge({}, found, max_params)  # says what is wrong
            return ParsedRequest(params)
        return ParsedRequest(
            _merge(_merge({}, _pairs(query, max_params), max_params), _pairs(body, max_params), max_params)
        )
    params = _merge({}, _pairs(query, max_params), max_params) if query else {}
    if kind == "multipart/form-data":
        pairs: list[tuple[str, str]] = []
        files: list[tuple[str, bytes]] = []
        for name, content, is_file in split_parts(body, boundary_of(content_type), max_parts=max_params):
            if is_file:
                files.append((name, content))
            else:
                pairs.append((name, _text(content)))
        return ParsedRequest(_merge(params, pairs, max_params), files=tuple(files))
    if kind == "application/json" and body.lstrip()[:1] == b"{":
        return ParsedRequest(_merge(params, json_members(body, max_members=max_params), max_params))
    return ParsedRequest(params, signed_body=body)


def encode_query(params: Mapping[str, str]) -> str:
    """The pairs as a query string, URL-encoded UTF-8. Raises error 47 for lone surrogates."""
    try:
        return "&".join(
            [
                f"{_escaped(name)}={value if value.isalnum() and value.isascii() else _escaped(value)}"
                for name, value in params.items()
            ]
        )
    except UnicodeEncodeError:
        raise INVALID_ENCODING() from None


class _KnownEscapes(dict[str, str]):
    """Names, and values that need escaping, as they stand in a query string; calls repeat them."""

    def __missing__(self, text: str) -> str:
        escaped = quote_plus(text)
        if len(text) <= _MAX_KNOWN_BYTES:
            if len(self) >= _MAX_KNOWN_PAIRS:
                self.clear()
            self[text] = escaped
        return escaped


_escaped = _KnownEscapes().__getitem__


def _merge(params: dict[str, str], pairs: list[tuple[str, str]], max_params: int) -> dict[str, str]:
    """Adds the pairs; `params` is empty or holds what another part of the request carried."""
    added = dict(pairs)
    if len(added) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise INVALID_ARGUMENT("the parameter is named twice", name=shown(twice))
    if params:
        for name in params.keys() & added.keys():
            if params[name] != added[name]:
                raise INVALID_ARGUMENT("the parameter is named twice, with different values", name=shown(name))
        added = params | added
    if len(added) > max_params:
        raise INVALID_ARGUMENT(f"a call may carry at most {max_params} parameters", name=shown(list(added)[max_params]))
    return added


class _KnownPairs(dict[bytes, tuple[str, str]]):
    """Reads URL-encoded pairs, remembering those that calls repeat: system parameters, and what was escaped.

    A name without `=` has an empty value; a % that is no escape stays, as URL libraries leave it.
    """

    def __missing__(self, part: bytes) -> tuple[str, str]:
        text = part.decode()
        if "%" not in text and "+" not in text:
            name, _, value = text.partition("=")
            pair = (name, value)
            if name in _REPEATED and len(self) < _MAX_KNOWN_PAIRS and len(part) <= _MAX_KNOWN_BYTES:
                self[part] = pair
            return pair  # so quickly read that of 20,000 callers in turn none need push another out
        raw_name, _, raw_value = part.replace(b"+", b" ").partition(b"=")
        pair = (unescaped(raw_name).decode(), unescaped(raw_value).decode())
        if len(part) <= _MAX_KNOWN_BYTES and pair[0] != "sign":
            if len(self) >= _MAX_KNOWN_PAIRS:
                self.clear()  # whoever fills it with rubbish gains nothing: reading anew is what it costs without
            self[part] = pair
        return pair


_REPEATED = SYSTEM_PARAMS - {"sign"}
_MAX_KNOWN_PAIRS = 8192
_MAX_KNOWN_BYTES = 128
_pair = _KnownPairs().__getitem__


def _pairs(raw: bytes, max_params: int) -> list[tuple[str, str]]:
    """The pairs of a URL-encoded string; empty parts are skipped. Raises error 47, and 41 for far more parts than parameters."""
    most = 4 * max_params
    if len(raw) > most and raw.count(b"&") > most:  # reading millions of them would take seconds
        raise INVALID_ARGUMENT(f"a call may carry at most {max_params} parameters", name="body")
    try:
        return [_pair(part) for part in raw.split(b"&") if part]
    except UnicodeDecodeError:
        raise INVALID_ENCODING() from None


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise INVALID_ENCODING() from None


def shown(name: str) -> str:
    """A caller's name, fit to stand in an error: printable and at most 64 characters."""
    return "".join([c if c.isprintable() else "?" for c in name[:64]])
