"""Records go into the log store once, alone refused when they do not fit, and leave it by the day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from openplatform.records import Histogram, StatsQuery, StatsTable
from tests.contract.call_log_store.samples import DAY_MS, NOON_MS, StoreUnderTest, query, record


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
    assert await tested.store.stats(StatsQuery(from_ms=0, to_ms=NOON_MS)) == StatsTable(stats=())
    assert await tested.store.count(query()) == 0
    assert await tested.store.histogram(query(), interval_ms=DAY_MS) == Histogram(interval_ms=DAY_MS, buckets=())
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
    assert await tested.store.count(query()) == 2
    assert await tested.store.drop_before(midnight.date()) == 0
    assert await tested.add(record("r0", receiveTime=times[0])) == ["created"]


async def test_preparing_says_how_text_is_analysed(tested: StoreUnderTest, request: pytest.FixtureRequest) -> None:
    """prepare() can be repeated and names the analysis in use."""
    said = await tested.store.prepare()
    assert await tested.store.prepare() == said
    names = {"sqlite": "FTS5", "elasticsearch": "analysed by standard", "elasticsearch-ik": "analysed by ik_max_word"}
    assert names[request.node.callspec.params["tested"]] in str(said)
