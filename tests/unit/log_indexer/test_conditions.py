"""A search request is understood exactly or refused by the name of what is wrong with it."""

import pytest
from starlette.datastructures import QueryParams

from log_indexer.conditions import MAX_RANGE_MS, keywords_of, log_query, stats_range
from openplatform.errors import ServiceRejected
from openplatform.records import LogQuery


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
        )
    )
    assert query == LogQuery(
        from_ms=1000, to_ms=2000, app_keys=("a", "b"), api_name="jd.order.get", vender_id=7, error="15:isv.x",
        remote_ip="2001:db8::1", request_id="r1", min_ms=0, max_ms=10, keywords=("订单", "two words", "x"), size=100, cursor="c",
    )  # fmt: skip


def test_only_the_range_is_needed() -> None:
    """The rest has defaults."""
    assert log_query(params()) == LogQuery(from_ms=1000, to_ms=2000)
    assert stats_range(params()) == (1000, 2000, None)
    assert stats_range(params(api_name="x")) == (1000, 2000, "x")


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
    "network": ({"remote_ip": "10.0.0.0/8"}, "isv.invalid-parameter:remote_ip"),
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


def test_statistics_take_no_other_conditions() -> None:
    """What statistics cannot be narrowed by is refused, not passed over."""
    with pytest.raises(ServiceRejected, match="app_key"):
        stats_range(params(("app_key", "a")))


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
        ("AND OR * <script>", ("AND", "OR", "*", "<script>")),
    ],
)
def test_keywords(text: str, keywords: tuple[str, ...]) -> None:
    """Words by spaces of any kind, phrases by quotes; nothing else means anything."""
    assert keywords_of(text) == keywords


def test_the_range_may_be_31_days() -> None:
    """Exactly 31 days are allowed."""
    assert log_query(params(to_ms=str(1000 + MAX_RANGE_MS))).to_ms == 1000 + MAX_RANGE_MS
