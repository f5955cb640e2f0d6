"""The moving weighted average cost."""

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_service.service import moved_average

COUNTS = st.integers(0, 2**31 - 1)
COSTS = st.decimals(0, Decimal("999999.99"), places=2)


@pytest.mark.parametrize(
    ("on_hand", "cost", "received", "unit_cost", "average"),
    [
        (0, "0.00", 10, "12.30", "12.30"),
        (10, "12.30", 10, "12.31", "12.31"),
        (10, "1.00", 20, "2.00", "1.67"),
        (200, "0.01", 1, "0", "0.01"),
        (1, "0.01", 2, "0.00", "0.00"),
        (1, "0.00", 1, "0.01", "0.01"),
        (2**31 - 2, "999999.99", 1, "999999.99", "999999.99"),
    ],
)
def test_it_is_weighted_and_rounded_half_up(
    on_hand: int, cost: str, received: int, unit_cost: str, average: str
) -> None:
    """Two decimals; nothing on hand takes the cost of what came."""
    assert str(moved_average(on_hand, Decimal(cost), received, Decimal(unit_cost))) == average


@given(COUNTS, COSTS, st.integers(1, 2**31 - 1), COSTS)
def test_it_is_the_formula_to_the_fen(on_hand: int, cost: Decimal, received: int, unit_cost: Decimal) -> None:
    """(old on hand × old cost + received × unit cost) ÷ new on hand, by arithmetic with sixty digits; between the two costs."""
    exact = Context(prec=60)
    total = exact.add(exact.multiply(Decimal(on_hand), cost), exact.multiply(Decimal(received), unit_cost))
    wanted = exact.divide(total, Decimal(on_hand + received)).quantize(Decimal("0.01"), ROUND_HALF_UP, exact)
    average = moved_average(on_hand, cost, received, unit_cost)
    assert average == wanted
    assert (
        (min(cost, unit_cost) if on_hand else unit_cost) <= average <= (max(cost, unit_cost) if on_hand else unit_cost)
    )
