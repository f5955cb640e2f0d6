"""Words of a text for SQLite's full-text search: Chinese by character, so that a phrase finds words of two characters and more.

FTS5 by itself keeps a run of Chinese as one token, or finds nothing under three characters. Here the text is cut into words in
Python, the same way when it is stored, when it is asked for and when hits are marked in the original.
"""

import html
import re
from collections.abc import Sequence

TOKENIZER = "unicode61 remove_diacritics 0 tokenchars '_'"
"""For CREATE VIRTUAL TABLE: cuts at the spaces that `spaced` puts in, folds case, keeps accents as Elasticsearch's does."""

_IDEOGRAPHS = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff"
_WORD = re.compile(f"[{_IDEOGRAPHS}{_KANA}]|[^\\W{_IDEOGRAPHS}{_KANA}]+")

MAX_FRAGMENTS = 3
_AROUND = 60
"""Characters shown before and after a hit."""


def spaced(text: str) -> str:
    """The text as it is indexed: its words, one space apart."""
    return " ".join(_WORD.findall(text))


def match_expression(keywords: Sequence[str]) -> str | None:
    """An FTS5 query in which every keyword is a phrase and all must occur; None when one of them holds no word at all.

    Words are letters, digits and `_` only, so no character of a keyword can act as query syntax.
    """
    phrases = [spaced(keyword) for keyword in keywords]
    return " AND ".join(f'"{phrase}"' for phrase in phrases) if all(phrases) else None


def highlight(text: str, keywords: Sequence[str]) -> str:
    """HTML-escaped fragments around the hits, `<em>` at the hits; the text's beginning when none is seen."""
    spans = _merged(sorted(span for keyword in keywords for span in _spans(text, keyword)))
    if not spans:
        return html.escape(text[: 2 * _AROUND])
    fragments: list[list[tuple[int, int]]] = []
    for span in spans:
        if fragments and span[0] - fragments[-1][-1][1] <= 2 * _AROUND:
            fragments[-1].append(span)
        else:
            fragments.append([span])
    return " … ".join(_marked(text, fragment) for fragment in fragments[:MAX_FRAGMENTS])


def _spans(text: str, keyword: str) -> list[tuple[int, int]]:
    wanted = [word.lower() for word in _WORD.findall(keyword)]
    words = [(found.group().lower(), found.start(), found.end()) for found in _WORD.finditer(text)]
    length = len(wanted)
    return [
        (words[at][1], words[at + length - 1][2])
        for at in range(len(words) - length + 1)
        if length and all(words[at + offset][0] == word for offset, word in enumerate(wanted))
    ]


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    at = max(0, spans[0][0] - _AROUND)
    parts: list[str] = []
    for start, end in spans:
        parts += [html.escape(text[at:start]), "<em>", html.escape(text[start:end]), "</em>"]
        at = end
    return "".join(parts) + html.escape(text[at : at + _AROUND])
