"""Statistics and histograms of the log store: by API, app, merchant, error, over time; of the calls that fit all conditions."""

from typing import Any

import msgspec
import pytest

from openplatform.adapters.call_log_cursor import MAX_GROUPS
from openplatform.records import CallStats, StatsQuery, TimeBucket
from tests.contract.call_log_store.samples import DAY_MS, NOON_MS, StoreUnderTest, query, record


async def table(tested: StoreUnderTest, **asked: Any) -> list[CallStats]:
    """The rows of statistics over one second from NOON_MS, unless told otherwise."""
    return list((await tested.store.stats(StatsQuery(**{"from_ms": NOON_MS, "to_ms": NOON_MS + 1000} | asked))).stats)


async def test_statistics(tested: StoreUnderTest) -> None:
    """By API, most called first: calls, errors, limited, mean, percentiles, most, the services' mean; inside the range only."""
    get = [record(f"g{n}", platformRepTime=n, serviceTime=n // 2 * 2) for n in range(1, 101)]
    search = [
        record("s1", apiName="jd.order.search", platformRepTime=100, errorCode="70:isv.x", serviceTime=None),
        record("s2", apiName="jd.order.search", platformRepTime=300, errorCode="7:limited-by-x", serviceTime=50),
        record("s3", apiName="jd.order.search", platformRepTime=200, errorCode="7", serviceTime=None),
    ]
    outside = [record("before", receiveTime=NOON_MS - 1), record("after", receiveTime=NOON_MS + 1000)]
    await tested.add(*get, *search, *outside)
    first, second = await table(tested)
    assert (first.key, first.calls, first.errors, first.limited) == ("jd.order.get", 100, 0, 0)
    assert (first.mean_ms, first.max_ms) == (pytest.approx(50.5), 100)
    assert first.mean_service_ms == pytest.approx(50)
    assert (first.p50_ms, first.p95_ms, first.p99_ms) == pytest.approx((50.5, 95.5, 99.5), abs=1)
    assert (second.key, second.calls, second.errors, second.limited) == ("jd.order.search", 3, 3, 2)
    assert (second.mean_ms, second.max_ms) == (pytest.approx(200), 300)
    assert second.mean_service_ms == pytest.approx(50)
    (only,) = await table(tested, api_name="jd.order.search")
    assert msgspec.to_builtins(only) == msgspec.to_builtins(second)


async def test_statistics_without_service_calls(tested: StoreUnderTest) -> None:
    """An API whose calls never reached a service has no mean service time."""
    await tested.add(record("r1", serviceTime=None, errorCode="24"))
    (only,) = await table(tested)
    assert only.mean_service_ms is None
    assert (only.p50_ms, only.p95_ms, only.p99_ms) == (20, 20, 20)


GROUPS = {
    "api": {"jd.order.get": 3, "jd.sku.get": 1},
    "app": {"app-1": 2, "app-2": 2},
    "vender": {"100": 2, "": 1, "200": 1},
    "error": {"0": 2, "7:limited": 1, "27": 1},
}


@pytest.mark.parametrize(("by", "calls"), GROUPS.items())
async def test_groups(tested: StoreUnderTest, by: str, calls: dict[str, int]) -> None:
    """Each dimension counts every call once, those without a merchant too."""
    await tested.add(
        record("r1"),
        record("r2", apiName="jd.sku.get", appkey="app-2", receiveTime=NOON_MS + 1),
        record("r3", venderId=None, errorCode="27", receiveTime=NOON_MS + 2),
        record("r4", venderId=200, appkey="app-2", errorCode="7:limited", receiveTime=NOON_MS + 3),
    )
    assert {row.key: row.calls for row in await table(tested, by=by)} == calls
    some = await table(tested, by=by, app_keys=("app-2",), error="any", keywords=("order_id",))
    assert [(row.calls, row.errors, row.limited) for row in some] == [(1, 1, 1)]


async def test_limits_of_many_kinds(tested: StoreUnderTest) -> None:
    """However many codes limits have, all calls that they refused are counted."""
    await tested.add(record("r"), *(record(f"r{n}", errorCode=f"7:{n}") for n in range(60)))
    (only,) = await table(tested)
    assert (only.calls, only.errors, only.limited) == (61, 60, 60)


async def test_statistics_over_time(tested: StoreUnderTest) -> None:
    """Intervals begin where the offset says, in order of time; those without calls are left out."""
    eight_hours = 8 * 3_600_000
    midnight = (NOON_MS + eight_hours) // DAY_MS * DAY_MS - eight_hours  # of a clock eight hours ahead of UTC
    moments = (midnight - 1, midnight, midnight + DAY_MS - 1, midnight + 2 * DAY_MS)
    await tested.add(*(record(f"r{n}", receiveTime=ms, platformRepTime=n + 1) for n, ms in enumerate(moments)))
    rows = await table(
        tested, from_ms=moments[0], to_ms=moments[-1] + 1, by="time", interval_ms=DAY_MS, offset_ms=eight_hours
    )
    assert [(int(row.key), row.calls, row.max_ms) for row in rows] == [
        (midnight - DAY_MS, 1, 1),
        (midnight, 2, 3),
        (midnight + 2 * DAY_MS, 1, 4),
    ]


async def test_a_histogram_counts_calls_and_errors(tested: StoreUnderTest) -> None:
    """Over the calls that fit the conditions, intervals with calls only."""
    second = NOON_MS // 1000 * 1000
    await tested.add(
        record("r1", receiveTime=second),
        record("r2", receiveTime=second + 999, errorCode="27"),
        record("r3", receiveTime=second + 1000, requestContent="别的"),
        record("r4", receiveTime=second + 5000, errorCode="7:x"),
    )
    found = await tested.store.histogram(query(keywords=("order_id",)), interval_ms=1000)
    assert found.buckets == (
        TimeBucket(start_ms=second, calls=2, errors=1),
        TimeBucket(start_ms=second + 5000, calls=1, errors=1),
    )
    assert (found.interval_ms, found.is_partial) == (1000, False)


async def test_groups_beyond_the_table_are_counted(tested: StoreUnderTest) -> None:
    """Of more groups than a table has rows, the ones with most calls are shown and the calls of the rest are told."""
    many = [record(f"r{n}", appkey=f"app-{n}") for n in range(MAX_GROUPS + 5)]
    await tested.add(*many, *(record(f"s{n}", appkey="app-1003") for n in range(3)))
    found = await tested.store.stats(StatsQuery(from_ms=NOON_MS, to_ms=NOON_MS + 1, by="app"))
    assert (len(found.stats), found.others) == (MAX_GROUPS, 5)
    assert (found.stats[0].key, found.stats[0].calls) == ("app-1003", 4)
