"""Words of a request's content are found and marked: Chinese of one character and more, phrases, nothing as syntax or markup."""

import html
import re

import pytest

from tests.contract.call_log_store.samples import StoreUnderTest, is_ik, record

TEXT = "receiver=张三丰 address=北京市朝阳区 Remark=Käse_rot date=2025-06-15 note=𠮷野家 カタカナ emoji=👍 sku=A-1"
WORDS = {
    "two characters": ("北京", True),
    "across a boundary of words": ("京市朝", True),
    "all of it": ("北京市朝阳区", True),
    "one character": ("丰", True),
    "not side by side": ("北朝", False),
    "wrong order": ("京北", False),
    "another case": ("remark", True),
    "accents count": ("Kase_rot", False),
    "accents": ("KÄSE_rot", True),
    "part of a word": ("recei", False),
    "a phrase with punctuation": ("2025-06-15", True),
    "a phrase": ("address 北京", True),
    "beyond the basic plane": ("𠮷野", True),
    "katakana": ("カタカナ", True),
    "nothing but punctuation": ("***", False),
    "star": ("北*", True),
    "syntax of query languages": ('sku" OR "nothing', False),
    "operators": ("NOT 北京", False),
    "field": ("content:北京", False),
}


@pytest.mark.parametrize(("keyword", "found"), WORDS.values(), ids=WORDS.keys())
async def test_words(tested: StoreUnderTest, request: pytest.FixtureRequest, keyword: str, found: bool) -> None:
    """Chinese words of one character and more, phrases, any case; nothing a caller types is query syntax."""
    if is_ik(request) and keyword in ("北朝", "京北"):
        found = True  # its stand-in makes single characters of Chinese; the plugin's words would not be torn apart
    await tested.add(record("r1", requestContent=TEXT), record("r2", requestContent="上海"))
    assert await tested.ids(keywords=(keyword,)) == (["r1"] if found else [])


async def test_a_long_query_is_answered(tested: StoreUnderTest) -> None:
    """A keyword of 10 kB is searched like any other."""
    await tested.add(record("r1"))
    assert await tested.ids(keywords=("订单" * 1700,)) == []


async def test_hits_are_marked(tested: StoreUnderTest) -> None:
    """Each hit stands in `<em>`, a Chinese word as one run where the analyser keeps it a phrase, in the original spelling."""
    await tested.add(record("r1", requestContent="发往北京市 Remark=x 再到上海"))
    marked = await tested.highlight("remark", "上海")
    assert "<em>Remark</em>" in marked
    assert "上海" in re.sub("</?em>", "", marked)
    assert unmarked(marked) in "发往北京市 Remark=x 再到上海"


async def test_a_chinese_word_is_marked_as_one_run(tested: StoreUnderTest, request: pytest.FixtureRequest) -> None:
    """The highlight shows the word that was asked for, not its characters one by one."""
    await tested.add(record("r1", requestContent="发往北京市朝阳区"))
    ik = is_ik(request)
    assert ("<em>北</em><em>京</em>" if ik else "<em>北京</em>") in await tested.highlight("北京")


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script> 订单",
        "</em><img src=x onerror=alert(1)> 订单 <em>",
        "订单\"><svg/onload=alert(1)> & '订单'",
        "<b>订单</b>",
    ],
)
async def test_a_highlight_cannot_inject(tested: StoreUnderTest, content: str) -> None:
    """Whatever a request held, the only tags of a highlight are ours, around the hits."""
    await tested.add(record("r1", requestContent=content))
    marked = await tested.highlight("订单")
    tags = re.findall("<[^>]*>", marked)
    assert set(tags) == {"<em>", "</em>"}
    assert tags[::2] == ["<em>"] * (len(tags) // 2)
    assert "订单" in re.sub("</?em>", "", marked)
    assert unmarked(marked) in content


async def test_a_highlight_of_a_long_text_is_a_fragment(tested: StoreUnderTest) -> None:
    """A hit deep in 8 KiB is shown with its surroundings, not with everything."""
    await tested.add(record("r1", requestContent="填充 文字 " * 800 + "目标词语 " + "填充 文字 " * 500))
    marked = await tested.highlight("目标词语")
    assert "目标词语" in re.sub("</?em>", "", marked)
    assert len(unmarked(marked)) < 400


def unmarked(marked: str) -> str:
    """A highlight's text as it was in the request."""
    return html.unescape(re.sub("</?em>", "", marked))
