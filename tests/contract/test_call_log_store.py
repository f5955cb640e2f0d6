"""The log store keeps its promises over SQLite and Elasticsearch alike: conditions, words, highlights, pages, statistics, retention."""

import html
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openplatform.adapters.call_log_store_elasticsearch import ElasticsearchCallLogStore
from openplatform.adapters.call_log_store_sqlite import open_sqlite_store
from openplatform.adapters.elasticsearch_client import open_elasticsearch_client
from openplatform.adapters.elasticsearch_query import IK_ANALYZER
from openplatform.errors import StoreRejected
from openplatform.ports import CallLogStore
from openplatform.records import CallLog, LogQuery

NOON_MS = 1_750_000_000_000  # 2025-06-15T15:06:40Z
DAY_MS = 86_400_000


@dataclass
class StoreUnderTest:
    """A store that nobody else uses; `settled` makes what was added visible to searches."""

    store: CallLogStore
    settled: Callable[[], Awaitable[object]]

    async def add(self, *records: CallLog) -> list[str]:
        """Adds records; the outcomes."""
        verdicts = await self.store.add(records)
        await self.settled()
        return [verdict.outcome for verdict in verdicts]

    async def ids(self, **conditions: Any) -> list[str]:
        """The request ids that a search of the whole range finds, newest first."""
        return [hit.log.requestId for hit in (await self.store.search(query(**conditions))).hits]

    async def highlight(self, *keywords: str) -> str:
        """The only hit's highlight."""
        (hit,) = (await self.store.search(query(keywords=keywords))).hits
        assert hit.highlight is not None
        return hit.highlight


@pytest.fixture(params=["sqlite", "elasticsearch", "elasticsearch-ik"])
async def tested(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreUnderTest]:
    """An empty store: SQLite's, Elasticsearch's, and the branch of its template for clusters with the IK plugin.

    For the last one the index's settings define an analyser of the plugin's name.
    """
    if request.param == "sqlite":
        async with open_sqlite_store(tmp_path / "logs" / "call-logs.db") as store:
            yield StoreUnderTest(store, nothing)
        return
    prefix = f"t{uuid.uuid4().hex[:10]}-log"
    async with open_elasticsearch_client(request.getfixturevalue("elasticsearch_url")) as client:
        if request.param == "elasticsearch-ik":
            definition = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}
            store = ElasticsearchCallLogStore(
                client,
                index_prefix=prefix,
                text_analyzer=IK_ANALYZER,
                index_settings={"analysis": {"analyzer": {IK_ANALYZER: definition}}},
            )
        else:
            store = ElasticsearchCallLogStore(client, index_prefix=prefix)
        await store.prepare()
        yield StoreUnderTest(store, lambda: client.indices.refresh(index=f"{prefix}-*"))
        await client.indices.delete(index=f"{prefix}-*")
        await client.indices.delete_index_template(name=prefix)


def is_ik(request: pytest.FixtureRequest) -> bool:
    """Whether the test runs on the stand-in of the IK plugin's analyser."""
    return bool(request.node.callspec.params["tested"] == "elasticsearch-ik")


async def nothing() -> None:
    """SQLite shows what was added at once."""


def record(request_id: str, **fields: Any) -> CallLog:
    """A complete record with defaults."""
    values: dict[str, Any] = {
        "requestId": request_id,
        "appkey": "app-1",
        "servIP": "10.0.0.1",
        "venderId": 100,
        "remoteIp": "203.0.113.9",
        "apiName": "jd.order.get",
        "platformRepTime": 20,
        "requestContent": "order_id=1 fields=sku",
        "errorCode": "0",
        "receiveTime": NOON_MS,
        "createTime": NOON_MS + 900,
        "serviceTime": 15,
        "httpMethod": "POST",
        "responseBytes": 512,
        "cached": False,
        "gatewayNode": "gw-1",
        "attempts": 1,
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "truncated": False,
    }
    return CallLog(**(values | fields))


def query(**conditions: Any) -> LogQuery:
    """A query over a week around noon."""
    return LogQuery(**({"from_ms": NOON_MS - 3 * DAY_MS, "to_ms": NOON_MS + 3 * DAY_MS} | conditions))


async def test_a_record_comes_back_as_it_was_added(tested: StoreUnderTest) -> None:
    """Every field of a record survives, those that may be missing too."""
    full = record("r1")
    bare = record("r2", venderId=None, serviceTime=None, traceId=None, remoteIp="2001:db8::1", receiveTime=NOON_MS - 1)
    assert await tested.add(full, bare) == ["created", "created"]
    page = await tested.store.search(query())
    assert [hit.log for hit in page.hits] == [full, bare]
    assert (page.total, page.total_is_capped, page.cursor) == (2, False, None)
    assert all(hit.highlight is None for hit in page.hits)


async def test_an_empty_store_answers_empty(tested: StoreUnderTest) -> None:
    """Before the first record, searches and statistics are empty, and there is nothing to drop."""
    page = await tested.store.search(query(keywords=("订单",)))
    assert (page.hits, page.total, page.cursor) == ((), 0, None)
    assert list(await tested.store.stats(from_ms=0, to_ms=NOON_MS)) == []
    assert await tested.store.drop_before(date(2030, 1, 1)) == 0


async def test_adding_twice_changes_nothing(tested: StoreUnderTest) -> None:
    """A record that is there already is a duplicate, in the same batch and in a later one; the first one stays."""
    first = record("r1", requestContent="first")
    assert await tested.add(first, record("r1", requestContent="second")) == ["created", "duplicate"]
    assert await tested.add(record("r1", requestContent="third"), record("r2")) == ["duplicate", "created"]
    page = await tested.store.search(query(request_id="r1"))
    assert [hit.log.requestContent for hit in page.hits] == ["first"]


BAD_RECORDS = {
    "remoteIp": {"remoteIp": "not an address"},
    "servIP": {"servIP": ""},
    "venderId": {"venderId": 2**63},
    "no id": {"requestId": ""},
    "long id": {"requestId": "x" * 513},
    "long id in bytes": {"requestId": "单" * 171},
    "negative time": {"receiveTime": -1},
    "no such year": {"receiveTime": 2**60},
}


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
async def test_a_record_that_does_not_fit_is_refused_alone(tested: StoreUnderTest, bad: dict[str, Any]) -> None:
    """Its batch-mates before and after are stored; the refusal has a reason."""
    batch = [record("r1"), record("bad", **{"requestId": "bad", **bad}), record("r2")]
    verdicts = await tested.store.add(batch)
    await tested.settled()
    assert [verdict.outcome for verdict in verdicts] == ["created", "refused", "created"]
    assert verdicts[1].reason
    assert await tested.ids() == ["r2", "r1"]


async def test_no_records_are_no_work(tested: StoreUnderTest) -> None:
    """An empty batch has no verdicts."""
    assert list(await tested.store.add([])) == []


VARIED = [
    record("r0"),
    record("r1", appkey="app-2", receiveTime=NOON_MS + 1000),
    record("r2", apiName="jd.order.search", receiveTime=NOON_MS + 2000),
    record("r3", venderId=200, receiveTime=NOON_MS + 3000),
    record("r4", errorCode="27:session-expired", receiveTime=NOON_MS + 4000),
    record("r5", errorCode="27", receiveTime=NOON_MS + 5000),
    record("r6", errorCode="2", remoteIp="198.51.100.7", receiveTime=NOON_MS + 6000),
    record("r7", platformRepTime=1500, requestContent="仓库 sku=8", receiveTime=NOON_MS + 7000),
    record("r8", remoteIp="2001:db8::1", requestContent="仓库 sku=9", receiveTime=NOON_MS + 8000),
]

CONDITIONS: dict[str, tuple[dict[str, Any], str]] = {
    "app": ({"app_keys": ("app-2",)}, "r1"),
    "apps": ({"app_keys": ("app-1", "app-2", "nobody")}, "r8 r7 r6 r5 r4 r3 r2 r1 r0"),
    "api": ({"api_name": "jd.order.search"}, "r2"),
    "api is no prefix": ({"api_name": "jd.order"}, ""),
    "vender": ({"vender_id": 200}, "r3"),
    "any error": ({"error": "any"}, "r6 r5 r4"),
    "no error": ({"error": "0", "to_ms": NOON_MS + 2000}, "r1 r0"),
    "bare code": ({"error": "27"}, "r5 r4"),
    "exact code": ({"error": "27:session-expired"}, "r4"),
    "code is no prefix": ({"error": "2"}, "r6"),
    "address": ({"remote_ip": "198.51.100.7"}, "r6"),
    "address in another spelling": ({"remote_ip": "2001:0DB8:0:0:0:0:0:1"}, "r8"),
    "request": ({"request_id": "r3"}, "r3"),
    "from is included": ({"from_ms": NOON_MS + 7000}, "r8 r7"),
    "to is not": ({"to_ms": NOON_MS + 1000}, "r0"),
    "slow": ({"min_ms": 1500}, "r7"),
    "quick": ({"max_ms": 20, "from_ms": NOON_MS + 7000}, "r8"),
    "between": ({"min_ms": 20, "max_ms": 20, "to_ms": NOON_MS + 1000}, "r0"),
    "word": ({"keywords": ("仓库",)}, "r8 r7"),
    "two words": ({"keywords": ("仓库", "9")}, "r8"),
    "app and error": ({"app_keys": ("app-1",), "error": "27"}, "r5 r4"),
    "address and error and time": (
        {"remote_ip": "203.0.113.9", "error": "any", "from_ms": NOON_MS + 5000, "to_ms": NOON_MS + 6000},
        "r5",
    ),
    "everything": (
        {
            "app_keys": ("app-1",),
            "api_name": "jd.order.get",
            "vender_id": 100,
            "error": "0",
            "remote_ip": "203.0.113.9",
            "request_id": "r7",
            "min_ms": 1000,
            "max_ms": 2000,
            "keywords": ("sku", "仓库"),
        },
        "r7",
    ),
    "one condition too many": ({"request_id": "r7", "vender_id": 200}, ""),
}


@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS.values(), ids=CONDITIONS.keys())
async def test_conditions(tested: StoreUnderTest, conditions: dict[str, Any], expected: str) -> None:
    """Each condition alone, and combined by AND, finds what it should, newest first."""
    await tested.add(*VARIED)
    assert " ".join(await tested.ids(**conditions)) == expected


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


async def test_pages_follow_each_other(tested: StoreUnderTest) -> None:
    """Pages by cursor show every record once, newest first, ties of one millisecond included; the last page has no cursor."""
    times = [NOON_MS + n // 4 for n in range(25)]
    await tested.add(*(record(f"r{n:02}", receiveTime=ms) for n, ms in enumerate(times)))
    expected = [f"r{n:02}" for n in sorted(range(25), key=lambda n: (times[n], n), reverse=True)]
    assert await read_all(tested.store, size=7) == expected
    assert await read_all(tested.store, size=5) == expected
    first = await tested.store.search(query(size=7))
    assert (first.total, len(first.hits)) == (25, 7)


async def test_pages_are_stable_while_records_arrive(tested: StoreUnderTest) -> None:
    """New records between two pages neither repeat nor hide what was there."""
    await tested.add(*(record(f"old{n:02}", receiveTime=NOON_MS + n) for n in range(10)))
    first = await tested.store.search(query(size=4))
    await tested.add(*(record(f"new{n:02}", receiveTime=NOON_MS + 1000 + n) for n in range(5)))
    second = await tested.store.search(query(size=20, cursor=first.cursor))
    ids = [hit.log.requestId for hit in (*first.hits, *second.hits)]
    assert ids == [f"old{n:02}" for n in reversed(range(10))]


async def read_all(store: CallLogStore, *, size: int) -> list[str]:
    """The ids of all pages in turn."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.search(query(size=size, cursor=cursor))
        ids += [hit.log.requestId for hit in page.hits]
        if (cursor := page.cursor) is None:
            return ids


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "bnVsbA", "WzEsMl0", "Wy0xLCJhIl0", "W10", "单" * 9, "A" * 5000])
async def test_a_cursor_that_nobody_made_is_rejected(tested: StoreUnderTest, cursor: str) -> None:
    """It is the caller's mistake, not an outage."""
    await tested.add(record("r1"))
    with pytest.raises(StoreRejected):
        await tested.store.search(query(cursor=cursor))


async def test_the_total_is_capped(tested: StoreUnderTest) -> None:
    """Hits are counted to 10,000; beyond, the page says that there are more."""
    for part in range(4):
        batch = [record(f"r{part}-{n}", receiveTime=NOON_MS + part) for n in range(2_500)]
        assert set(await tested.add(*batch)) == {"created"}
    page = await tested.store.search(query(size=1))
    assert (page.total, page.total_is_capped) == (10_000, False)
    await tested.add(record("one more"))
    page = await tested.store.search(query(size=1))
    assert (page.total, page.total_is_capped) == (10_000, True)


async def test_statistics(tested: StoreUnderTest) -> None:
    """By API, most called first: calls, errors, mean, percentiles and the mean of the services' time, inside the range only."""
    get = [record(f"g{n}", platformRepTime=n, serviceTime=n // 2 * 2) for n in range(1, 101)]
    search = [
        record("s1", apiName="jd.order.search", platformRepTime=100, errorCode="15:isv.x", serviceTime=None),
        record("s2", apiName="jd.order.search", platformRepTime=300, errorCode="7", serviceTime=50),
    ]
    outside = [record("before", receiveTime=NOON_MS - 1), record("after", receiveTime=NOON_MS + 1000)]
    await tested.add(*get, *search, *outside)
    first, second = await tested.store.stats(from_ms=NOON_MS, to_ms=NOON_MS + 1000)
    assert (first.api_name, first.calls, first.errors) == ("jd.order.get", 100, 0)
    assert first.mean_ms == pytest.approx(50.5)
    assert first.mean_service_ms == pytest.approx(50)
    assert (first.p50_ms, first.p95_ms, first.p99_ms) == pytest.approx((50.5, 95.5, 99.5), abs=1)
    assert (second.api_name, second.calls, second.errors) == ("jd.order.search", 2, 2)
    assert second.mean_ms == pytest.approx(200)
    assert second.mean_service_ms == pytest.approx(50)
    (only,) = await tested.store.stats(from_ms=NOON_MS, to_ms=NOON_MS + 1000, api_name="jd.order.search")
    assert msgspec.to_builtins(only) == msgspec.to_builtins(second)


async def test_statistics_without_service_calls(tested: StoreUnderTest) -> None:
    """An API whose calls never reached a service has no mean service time."""
    await tested.add(record("r1", serviceTime=None, errorCode="24"))
    (only,) = await tested.store.stats(from_ms=NOON_MS, to_ms=NOON_MS + 1)
    assert only.mean_service_ms is None
    assert (only.p50_ms, only.p95_ms, only.p99_ms) == (20, 20, 20)


async def test_old_days_are_dropped(tested: StoreUnderTest) -> None:
    """Days before the given one go, in UTC; the day itself stays; doing it again drops nothing."""
    midnight = datetime(2025, 6, 15, tzinfo=UTC)
    midnight_ms = int(midnight.timestamp() * 1000)
    times: Sequence[int] = (
        midnight_ms - 2 * DAY_MS,
        midnight_ms - DAY_MS,
        midnight_ms - 1,
        midnight_ms,
        midnight_ms + 1,
    )
    await tested.add(*(record(f"r{n}", receiveTime=ms) for n, ms in enumerate(times)))
    assert await tested.store.drop_before(midnight.date()) == 2
    await tested.settled()
    assert await tested.ids() == ["r4", "r3"]
    assert await tested.ids(keywords=("order_id",)) == ["r4", "r3"]
    assert await tested.store.drop_before(midnight.date()) == 0
    assert await tested.add(record("r0", receiveTime=times[0])) == ["created"]


async def test_preparing_says_how_text_is_analysed(tested: StoreUnderTest, request: pytest.FixtureRequest) -> None:
    """prepare() can be repeated and names the analysis in use."""
    said = await tested.store.prepare()
    assert await tested.store.prepare() == said
    names = {"sqlite": "FTS5", "elasticsearch": "analysed by standard", "elasticsearch-ik": "analysed by ik_max_word"}
    assert names[request.node.callspec.params["tested"]] in said
