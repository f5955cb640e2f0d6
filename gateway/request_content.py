"""A request's parameters as its record shows them: readable on one line, secrets and personal data masked, bounded."""

import re
from collections.abc import Collection
from functools import partial

from orjson import dumps

from openplatform.form_text import FormText, Parts

MAX_CONTENT_CHARS = 8 * 1024
MASK = "***"

# By name and by pattern: secrets, personal and invoice data. Values never reach the record, so no store can leak them.
_SENSITIVE = re.compile(
    r"^sign(ature)?$|session|token|secret|passw|pwd|credential|api[-_]?key|private[-_]?key|access[-_]?key|authorization|cookie"
    r"|^(cons|consignee|receiver|buyer|contact)_?(name|tel|address)$|phone|mobile|e[-_]?mail|invoice|^vat|id_?card|passport|bank|^cvv$",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r'(\\{0,7}")\s*:\s*')
"""What is between a member's name and its value; with backslashes: JSON in a string of JSON."""
_MAX_NAME_CHARS = 100
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[][{}]', re.DOTALL)
_COLON = re.compile(r"\s*:\s*")
_BARE = re.compile(r"[^,\s\]}]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_TEXTS = 32
"""Sets of sensitive names besides the general ones: most APIs have none, others the same few."""


class RequestContent:
    """Remembers how calls with the same names of parameters look: masking costs one look-up then."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, ...], FormText] = {}

    def of(self, params: dict[str, str], sensitive: tuple[str, ...] = ()) -> tuple[str, bool]:
        """`a=1&b=***`, and whether more than MAX_CONTENT_CHARS was cut off. sensitive: names besides those masked everywhere; as
        these they count in JSON values, too."""
        text = self._texts.get(sensitive) or self._learn(sensitive)
        content = text.of(params)
        size = len(content)
        # As long as its JSON: plain ASCII without quotes and control characters but one. Nearly every call.
        if (
            size <= MAX_CONTENT_CHARS
            and content.isascii()
            and len(dumps(content)) == size + 2
            and "\x7f" not in content
        ):
            return content, False
        is_cut = size > MAX_CONTENT_CHARS
        # Escaping ten million characters would take seconds; one past the cut says that there is more.
        content = content[: MAX_CONTENT_CHARS + 1]
        if '"' in content:
            content = _masked_json(content, sensitive)
        content = plain(content)
        return content[:MAX_CONTENT_CHARS], is_cut or len(content) > MAX_CONTENT_CHARS

    def _learn(self, sensitive: tuple[str, ...]) -> FormText:
        if len(self._texts) >= _MAX_TEXTS:
            self._texts.clear()
        text = self._texts[sensitive] = FormText(partial(_parts, sensitive))
        return text


def _parts(sensitive: Collection[str], names: tuple[str, ...]) -> Parts:
    parts: list[tuple[str, str | None]] = []
    for name in names:
        start = f"&{name}=" if parts else f"{name}="
        parts.append((start + MASK, None) if _is_sensitive(name, sensitive) else (start, name))
    return parts


def plain(text: str) -> str:
    """Control characters written as escapes: a log line stays one line, and no terminal obeys it."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _is_sensitive(name: str, sensitive: Collection[str]) -> bool:
    return name in sensitive or _SENSITIVE.search(name) is not None


def _masked_json(text: str, sensitive: Collection[str]) -> str:
    """The text with the values of sensitive members masked, wherever JSON stands in it, whole, cut or broken."""
    kept: list[str] = []
    copied = at = 0
    while (found := _NAME_ENDS.search(text, at)) is not None:
        name = text[max(at, found.start() - _MAX_NAME_CHARS) : found.start()]
        at, quote = found.end(), found[1]
        if _is_sensitive(name[name.rfind('"') + 1 :], sensitive):
            kept += (text[copied:at], quote, MASK, quote)
            at = _end_of_value(text, at, quote)
            while (
                more := _COLON.match(text, at)
            ) is not None:  # no JSON: what was taken for the value has one of its own
                at = _end_of_value(text, more.end(), quote)
            copied = at
    return "".join((*kept, text[copied:])) if kept else text


def _end_of_value(text: str, start: int, quote: str) -> int:
    """Where the JSON value ends that begins there, in a text that quotes so; in doubt rather too late: it is what gets masked."""
    if text.startswith(quote, start):
        closing = re.compile(r"(?<!\\)" + re.escape(quote)).search(text, start + len(quote))
        return closing.end() if closing else len(text)
    if text[start : start + 1] not in ("{", "["):
        bare = _BARE.match(text, start)
        return bare.end() if bare else start
    depth = 0
    for token in _TOKEN.finditer(text, start) if quote == '"' else ():
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return len(text)
