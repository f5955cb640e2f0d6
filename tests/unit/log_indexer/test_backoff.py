"""Waits grow, stay bounded and differ from indexer to indexer."""

import pytest

from log_indexer.backoff import Backoff


def test_waits_double_up_to_a_bound() -> None:
    """0.2 s at first, 30 s at most."""
    backoff = Backoff(draw=lambda: 1.0)
    waits = [backoff.next_s() for _ in range(10)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])


def test_each_wait_lies_in_its_upper_half() -> None:
    """The jitter never makes a hot loop."""
    assert [Backoff(draw=lambda: draw).next_s() for draw in (0.0, 0.5)] == pytest.approx([0.1, 0.15])  # noqa: B023
    backoff = Backoff()
    assert all(0.1 <= wait <= 30 for wait in (backoff.next_s() for _ in range(50)))


def test_success_makes_waits_short_again() -> None:
    """After a reset it begins anew."""
    backoff = Backoff(draw=lambda: 1.0)
    backoff.next_s(), backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == pytest.approx(0.2)
