"""The log page's URL: presets move with the clock, times are the reader's, what makes no sense falls back or is said."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from starlette.datastructures import QueryParams

from admin_api.analytics.service.conditions import LogSearch
from admin_api.console.log_filters import LogFilters, read_filters

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 29, 0, 30, 15, 250_000, tzinfo=ZONE)


def read(query: str, zone: ZoneInfo = ZONE) -> LogFilters[LogSearch]:
    """The state of /logs?query at NOW."""
    return read_filters(LogSearch, "/logs", QueryParams(query), zone=zone, now=NOW.timestamp())


WINDOWS = {
    "": ("2026-11-29T00:00:00+08:00", "2026-11-29T00:30:16+08:00"),
    "range=15m": ("2026-11-29T00:15:16+08:00", "2026-11-29T00:30:16+08:00"),
    "range=1h": ("2026-11-28T23:30:16+08:00", "2026-11-29T00:30:16+08:00"),
    "range=yesterday": ("2026-11-28T00:00:00+08:00", "2026-11-29T00:00:00+08:00"),
    "range=7d": ("2026-11-22T00:30:16+08:00", "2026-11-29T00:30:16+08:00"),
    "range=nonsense": ("2026-11-29T00:00:00+08:00", "2026-11-29T00:30:16+08:00"),
    "from=2026-11-28T08:00:01&to=2026-11-28T09:00": ("2026-11-28T08:00:01+08:00", "2026-11-28T09:00:00+08:00"),
    "from=2026-11-28T00:00:00Z&to=2026-11-28T09:00:00%2B08:00": (
        "2026-11-28T08:00:00+08:00",
        "2026-11-28T09:00:00+08:00",
    ),
    "from=2026-11-28T08:00:00&to=soon": ("2026-11-29T00:00:00+08:00", "2026-11-29T00:30:16+08:00"),
}


@pytest.mark.parametrize(("query", "window"), WINDOWS.items())
def test_windows(query: str, window: tuple[str, str]) -> None:
    """To the second, in the reader's zone; what cannot be read is today."""
    filters = read(query)
    assert (filters.start.isoformat(), filters.end.isoformat()) == window
    assert filters.asked is not None
    assert filters.asked.to_ms - filters.asked.from_ms == (filters.end - filters.start) // timedelta(milliseconds=1)


def test_days_begin_where_the_reader_lives() -> None:
    """Yesterday has 25 hours when clocks are put back."""
    berlin = ZoneInfo("Europe/Berlin")
    moment = datetime(2026, 10, 26, 12, tzinfo=berlin)
    filters = read_filters(LogSearch, "/logs", QueryParams("range=yesterday"), zone=berlin, now=moment.timestamp())
    assert filters.end.timestamp() - filters.start.timestamp() == 25 * 3600


def test_order_size_and_cursor_fall_back() -> None:
    """A link that somebody has cut off still shows the calls."""
    filters = read("q=x&sort=requestContent&size=10001")
    assert filters.asked is not None
    assert (filters.asked.sort, filters.asked.size, filters.asked.q) == ("-time", 20, "x")
    assert "sort" not in filters.url()


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("from=2026-01-02T00:00:00&to=2026-01-01T00:00:00", "after"),
        ("from=2016-01-01T00:00:00&to=2026-01-01T00:00:00", "31 days"),
        ("remote_ip=10.0.0.0/99", "not right"),
        ("vender_id=x", "not right"),
        ("q=" + "x" * 10_000, "not right"),
    ],
)
def test_conditions_that_make_no_sense_are_said(query: str, word: str) -> None:
    """Nothing is searched then: another search than the one that was meant would mislead."""
    filters = read(query)
    assert filters.asked is None
    assert filters.problem is not None
    assert word in filters.problem.detail
    assert filters.problem.detail_zh


def test_links_keep_what_they_do_not_change() -> None:
    """A pill's link takes its condition away; a preset replaces a window; any change begins at the first page."""
    filters = read("range=1h&q=x&error=27&app_key=a&app_key=b&cursor=abc")
    assert [(name, value) for name, _, value in filters.conditions] == [
        ("q", "x"),
        ("app_key", "a, b"),
        ("error", "27"),
    ]
    assert parse_qs(urlsplit(filters.url(q=None)).query) == {"range": ["1h"], "error": ["27"], "app_key": ["a", "b"]}
    assert parse_qs(urlsplit(filters.url(range="7d")).query)["range"] == ["7d"]
    own = read("from=2026-11-28T08:00:00&to=2026-11-28T09:00:00&q=x")
    assert parse_qs(urlsplit(own.url(range="7d")).query) == {"range": ["7d"], "q": ["x"]}
    assert parse_qs(urlsplit(own.moved(0.5)).query)["from"] == ["2026-11-28T08:30:00+08:00"]
    part = parse_qs(urlsplit(filters.part_url("/logs/found")).query)
    assert (part["cursor"], part["from"]) == (["abc"], ["2026-11-28T23:30:16+08:00"])
