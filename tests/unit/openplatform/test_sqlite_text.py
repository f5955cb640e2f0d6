"""SQLite's full-text search sees words of Chinese, and nothing that a caller types is syntax or markup."""

import sqlite3

import pytest

from openplatform.adapters.sqlite_stats import percentile
from openplatform.adapters.sqlite_text import TOKENIZER, highlight, match_expression, spaced


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("订单号abc_1-2", "订 单 号 abc_1 2"),
        ("  key=Value&x ", "key Value x"),
        ("𠮷野家々", "𠮷 野 家 々"),
        ("カタカナひら", "カ タ カ ナ ひ ら"),
        ('{"sku":"A-1"}', "sku A 1"),
        ("…!\"'()*", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    """Each ideograph and kana is a word, letters, digits and `_` stay together, everything else only separates."""
    assert spaced(text) == words


@pytest.mark.parametrize(
    ("keywords", "expression"),
    [
        (("订单",), '"订 单"'),
        (("订单", "sku"), '"订 单" AND "sku"'),
        (('a" OR "b',), '"a OR b"'),
        (("content:x*", "NEAR(a b)"), '"content x" AND "NEAR a b"'),
        (("订单", "***"), None),
        (("",), None),
    ],
)
def test_match_expressions(keywords: tuple[str, ...], expression: str | None) -> None:
    """Keywords become quoted phrases of words joined by AND; one without any word can match nothing."""
    assert match_expression(keywords) == expression


@pytest.mark.parametrize("keyword", ['"', "'", "\0", "a\0b", "*", "^a", "a*", "{x}", "-x", "(", "x AND", "单\ud800"])
def test_sqlite_takes_every_expression(keyword: str) -> None:
    """No keyword makes SQLite complain about its query."""
    expression = match_expression((keyword,))
    if expression is not None:
        connection = sqlite3.connect(":memory:")
        connection.execute(f'CREATE VIRTUAL TABLE t USING fts5 (content, tokenize = "{TOKENIZER}")')
        connection.execute("SELECT rowid FROM t WHERE t MATCH ?", (expression,)).fetchall()
        connection.close()


@pytest.mark.parametrize(
    ("text", "keywords", "marked"),
    [
        ("发往北京市", ("北京",), "发往<em>北京</em>市"),
        ("Remark=x remark", ("REMARK",), "<em>Remark</em>=x <em>remark</em>"),
        ("a=1&b=2", ("b",), "a=1&amp;<em>b</em>=2"),
        ("<b>订单</b>", ("订单",), "&lt;b&gt;<em>订单</em>&lt;/b&gt;"),
        ("</em><script>订单", ("订单", "script"), "&lt;/em&gt;&lt;<em>script</em>&gt;<em>订单</em>"),
        ("2025-06-15", ("2025-06",), "<em>2025-06</em>-15"),
        ("北京市朝阳", ("北京市", "京市朝"), "<em>北京市朝</em>阳"),
        ("单单单", ("单单",), "<em>单单单</em>"),
        ("x<y", ("z",), "x&lt;y"),
        ("", ("z",), ""),
    ],
)
def test_highlights(text: str, keywords: tuple[str, ...], marked: str) -> None:
    """Hits are marked in the original spelling, overlapping ones as one, all else escaped; without a hit the beginning shows."""
    assert highlight(text, keywords) == marked


def test_distant_hits_stand_in_fragments() -> None:
    """At most three fragments, with what is around the hits, joined by an ellipsis."""
    marked = highlight(("填 " * 200 + "目标 ") * 5, ("目标",))
    assert marked.count("<em>目标</em>") == 3
    assert marked.count(" … ") == 2
    assert len(marked) < 500


@pytest.mark.parametrize(
    ("times", "share", "value"),
    [
        ([(7, 1)], 0.99, 7),
        ([(1, 1), (3, 1)], 0.5, 2),
        ([(10, 99), (1000, 1)], 0.95, 10),
        ([(n, 1) for n in range(101)], 0.95, 95),
        ([(10, 50), (20, 50)], 0.5, 15),
        ([(10, 3), (20, 1)], 1.0, 20),
    ],
)
def test_percentiles(times: list[tuple[int, int]], share: float, value: float) -> None:
    """Exact percentiles, interpolated between neighbours."""
    assert percentile(times, share) == pytest.approx(value)
