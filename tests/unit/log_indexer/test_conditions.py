"""A search request is understood exactly or refused by the name of what is wrong with it."""

import pytest
from starlette.datastructures import QueryParams

from log_indexer.conditions import (
    MAX_RANGE_MS,
    histogram_conditions,
    keywords_of,
    log_conditions,
    log_query,
    stats_query,
)
from log_indexer.intervals import MAX_BARS, filled, interval_of
from openplatform.errors import ServiceRejected
from openplatform.records import Histogram, LogConditions, LogQuery, StatsQuery, TimeBucket


def params(*pairs: tuple[str, str], **single: str) -> QueryParams:
    """A query string with a valid range, unless told otherwise."""
    given = {"from_ms": "1000", "to_ms": "2000"} | single
    return QueryParams([*pairs, *((name, value) for name, value in given.items() if value != "ABSENT")])


def test_all_conditions() -> None:
    """Every parameter arrives in the query."""
    query = log_query(
        params(
            ("app_key", "a"),
            ("app_key", "b"),
            ("app_key", "a"),
            api_name="jd.order.get",
            vender_id="7",
            error="15:isv.x",
            remote_ip="2001:DB8:0::1",
            request_id="r1",
            min_ms="0",
            max_ms="10",
            q='订单 "two words" x',
            size="100",
            cursor="c",
            sort="-ms",
        )
    )
    assert query == LogQuery(
        from_ms=1000, to_ms=2000, app_keys=("a", "b"), api_name="jd.order.get", vender_id=7, error="15:isv.x",
        remote_ip="2001:db8::1", request_id="r1", min_ms=0, max_ms=10, keywords=("订单", "two words", "x"), size=100, cursor="c",
        sort="-ms",
    )  # fmt: skip


def test_only_the_range_is_needed() -> None:
    """The rest has defaults."""
    assert log_query(params()) == LogQuery(from_ms=1000, to_ms=2000)
    assert stats_query(params()) == StatsQuery(from_ms=1000, to_ms=2000, interval_ms=1000)
    assert log_conditions(params()) == LogConditions(from_ms=1000, to_ms=2000)
    assert histogram_conditions(params()) == (LogConditions(from_ms=1000, to_ms=2000), 1000, 0)


def test_statistics_take_every_condition_of_a_search() -> None:
    """And a dimension, and how far the clock that days follow is ahead of UTC."""
    query = stats_query(params(("app_key", "a"), by="error", offset_ms="28800000", q="x", remote_ip="10.1.2.3/8"))
    assert query == StatsQuery(
        from_ms=1000, to_ms=2000, app_keys=("a",), by="error", interval_ms=1000, offset_ms=28_800_000, keywords=("x",),
        remote_ip="10.0.0.0/8",
    )  # fmt: skip


BAD: dict[str, tuple[dict[str, str], str]] = {
    "no from": ({"from_ms": "ABSENT"}, "isv.missing-parameter:from_ms"),
    "no to": ({"to_ms": "ABSENT"}, "isv.missing-parameter:to_ms"),
    "empty from": ({"from_ms": ""}, "isv.invalid-parameter:from_ms"),
    "text for a time": ({"from_ms": "2025-06-15"}, "isv.invalid-parameter:from_ms"),
    "negative": ({"from_ms": "-1"}, "isv.invalid-parameter:from_ms"),
    "float": ({"from_ms": "1e3"}, "isv.invalid-parameter:from_ms"),
    "full-width digits": ({"to_ms": "２０００"}, "isv.invalid-parameter:to_ms"),
    "digits without end": ({"to_ms": "9" * 10_000}, "isv.invalid-parameter:to_ms"),
    "after the year 9999": ({"to_ms": "253402300800000"}, "isv.invalid-parameter:to_ms"),
    "empty range": ({"to_ms": "1000"}, "isv.invalid-parameter:to_ms"),
    "range backwards": ({"from_ms": "3000"}, "isv.invalid-parameter:to_ms"),
    "ten years": ({"to_ms": str(1001 + MAX_RANGE_MS)}, "isv.invalid-parameter:to_ms"),
    "size 0": ({"size": "0"}, "isv.invalid-parameter:size"),
    "size 101": ({"size": "101"}, "isv.invalid-parameter:size"),
    "size 10001": ({"size": "10001"}, "isv.invalid-parameter:size"),
    "vender": ({"vender_id": "x"}, "isv.invalid-parameter:vender_id"),
    "vender beyond a long": ({"vender_id": str(2**63)}, "isv.invalid-parameter:vender_id"),
    "address": ({"remote_ip": "10.0.0.999"}, "isv.invalid-parameter:remote_ip"),
    "network": ({"remote_ip": "10.0.0.0/33"}, "isv.invalid-parameter:remote_ip"),
    "netmask of a host": ({"remote_ip": "10.0.0.0/"}, "isv.invalid-parameter:remote_ip"),
    "network with a zone": ({"remote_ip": "fe80::%eth0/64"}, "isv.invalid-parameter:remote_ip"),
    "sort by text": ({"sort": "requestContent"}, "isv.invalid-parameter:sort"),
    "leading wildcard": ({"q": "*order"}, "isv.invalid-parameter:q"),
    "trailing wildcard": ({"q": "x order*"}, "isv.invalid-parameter:q"),
    "only a wildcard": ({"q": "*"}, "isv.invalid-parameter:q"),
    "only operators": ({"q": "order && !"}, "isv.invalid-parameter:q"),
    "an empty phrase of signs": ({"q": '"--"'}, "isv.invalid-parameter:q"),
    "address with a zone": ({"remote_ip": "fe80::1%eth0"}, "isv.invalid-parameter:remote_ip"),
    "min above max": ({"min_ms": "2", "max_ms": "1"}, "isv.invalid-parameter:min_ms"),
    "empty api": ({"api_name": ""}, "isv.invalid-parameter:api_name"),
    "long api": ({"api_name": "x" * 513}, "isv.invalid-parameter:api_name"),
    "long q": ({"q": "x" * 2_001}, "isv.invalid-parameter:q"),
    "many keywords": ({"q": " ".join(map(str, range(21)))}, "isv.invalid-parameter:q"),
    "long cursor": ({"cursor": "x" * 2_001}, "isv.invalid-parameter:cursor"),
    "misspelt": ({"apiname": "x"}, "isv.invalid-parameter:apiname"),
}


@pytest.mark.parametrize(("given", "sub_code"), BAD.values(), ids=BAD.keys())
def test_bad_searches(given: dict[str, str], sub_code: str) -> None:
    """Refused with 400 and the parameter's name."""
    with pytest.raises(ServiceRejected) as refusal:
        log_query(params(**given))
    assert (refusal.value.sub_code, refusal.value.http_status) == (sub_code, 400)


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        ([("size", "1"), ("size", "2")], "size"),
        ([("from_ms", "1")], "from_ms"),
        ([("app_key", "")], "app_key"),
        ([("app_key", f"{n}") for n in range(1001)], "app_key"),
    ],
)
def test_repeated_parameters(pairs: list[tuple[str, str]], name: str) -> None:
    """Only app_key may come several times, and not without end."""
    with pytest.raises(ServiceRejected, match=name):
        log_query(params(*pairs))


@pytest.mark.parametrize("given", [{"by": "requestContent"}, {"by": ""}, {"offset_ms": "86400000"}, {"size": "5"}])
def test_bad_statistics(given: dict[str, str]) -> None:
    """Dimensions that there are not, clocks that cannot be, parameters of a search's page."""
    with pytest.raises(ServiceRejected, match=next(iter(given))):
        stats_query(params(**given))


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("", ()),
        ("   ", ()),
        ("订单 sku", ("订单", "sku")),
        ('"订单 sku" x', ("订单 sku", "x")),
        ('a"b c"d', ("a", "b c", "d")),
        ('"" " " x', ("x",)),
        ('open " quote', ("open", "quote")),
        ("x x　y", ("x", "y")),
        ("AND OR <script>", ("AND", "OR", "<script>")),
        ('"*order*" 138****1234', ("*order*", "138****1234")),
    ],
)
def test_keywords(text: str, keywords: tuple[str, ...]) -> None:
    """Words by spaces of any kind, phrases by quotes; nothing else means anything."""
    assert keywords_of(text) == keywords


def test_the_range_may_be_31_days() -> None:
    """Exactly 31 days are allowed."""
    assert log_query(params(to_ms=str(1000 + MAX_RANGE_MS))).to_ms == 1000 + MAX_RANGE_MS


def test_a_chart_has_60_bars_at_most() -> None:
    """Whatever the range and wherever it begins; a short range has bars of a second, a month bars of a day."""
    assert interval_of(0, 1) == 1000
    assert interval_of(0, MAX_RANGE_MS) == 86_400_000
    for length in (1, 999, 60_000, 61_000, 3_600_000, 86_400_000, 7 * 86_400_000, MAX_RANGE_MS):
        for begin in (0, 1, 777_777, 86_399_999):
            empty = Histogram(interval_ms=interval_of(begin, begin + length), buckets=())
            bars = filled(empty, from_ms=begin, to_ms=begin + length, offset_ms=28_800_000).buckets
            assert 1 <= len(bars) <= MAX_BARS
            assert bars[0].start_ms <= begin < bars[0].start_ms + empty.interval_ms
            assert bars[-1].start_ms < begin + length <= bars[-1].start_ms + empty.interval_ms


def test_gaps_are_filled() -> None:
    """Intervals without calls are bars of no height; those with calls stay."""
    one = TimeBucket(start_ms=2000, calls=3, errors=1)
    whole = filled(Histogram(interval_ms=1000, buckets=(one,), is_partial=True), from_ms=1500, to_ms=4000, offset_ms=0)
    assert [(b.start_ms, b.calls) for b in whole.buckets] == [(1000, 0), (2000, 3), (3000, 0)]
    assert whole.buckets[1] is one
    assert whole.is_partial
