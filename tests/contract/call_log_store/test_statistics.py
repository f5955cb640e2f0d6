"""Statistics of the log store: by API, over a range."""

import msgspec
import pytest

from tests.contract.call_log_store.samples import NOON_MS, StoreUnderTest, record


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
