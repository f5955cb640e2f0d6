"""Money as operators type it, and the overview's figures."""

import pytest

from admin_api.console.pages.overview import figures_of
from admin_api.console.pages.recharges import fen_of
from openplatform.records import CallStats


@pytest.mark.parametrize(
    ("typed", "fen"),
    [("1", 100), ("1,234.5", 123450), (" ¥0.01 ", 1), ("0.001", "0.001"), ("ten", "ten"), ("", ""), ("NaN", "NaN"),
     ("Infinity", "Infinity"), ("1e30", "1e30"), ("-1", -100)],
)  # fmt: skip
def test_yuan_become_fen_exactly(typed: str, fen: object) -> None:
    """What is no amount in fen stays a text, which the model refuses."""
    assert fen_of(typed) == fen


def test_the_mean_weighs_each_interval_by_its_calls() -> None:
    """Sums, shares and the slowest p95; nothing where there were no calls."""
    fields = {"errors": 1, "limited": 1, "p50_ms": 1.0, "p99_ms": 9.0, "max_ms": 9.0}
    rows = [
        CallStats(key="1", calls=1, mean_ms=10.0, p95_ms=5.0, **fields),
        CallStats(key="2", calls=3, mean_ms=2.0, p95_ms=7.0, **fields),
    ]
    found = figures_of(rows)
    assert (found.calls, found.error_share, found.limited_share, found.mean_ms, found.slowest_ms) == (
        4,
        0.5,
        0.5,
        4.0,
        7.0,
    )
    assert figures_of([]).mean_ms is None
