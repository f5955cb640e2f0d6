"""The state machine of an order."""

import itertools

import pytest

from openplatform.errors import ServiceRejected
from order_service.service import OrderState, check_move

ALLOWED = {(1, 2), (2, 3), (3, 4), (1, 6), (2, 6), (2, 5), (3, 5), (5, 3), (5, 4), (5, 6)}
EVERY = list(itertools.product(range(1, 7), repeat=2))


@pytest.mark.parametrize(("current", "wanted"), [pair for pair in EVERY if pair in ALLOWED])
def test_the_moves_of_the_data_model_are_allowed(current: int, wanted: int) -> None:
    """1→2→3→4, 1 and 2 →6, 2 and 3 →5, 5→3, 4 or 6."""
    check_move(1, OrderState(current), OrderState(wanted))


@pytest.mark.parametrize(("current", "wanted"), [pair for pair in EVERY if pair not in ALLOWED])
def test_every_other_move_is_refused_and_names_both_states(current: int, wanted: int) -> None:
    """Also the move to where it is."""
    with pytest.raises(ServiceRejected) as refused:
        check_move(77, OrderState(current), OrderState(wanted))
    assert refused.value.sub_code == "isv.invalid-state"
    assert refused.value.sub_msg == (
        f"order 77 is in state {OrderState(current).title} and cannot move to {OrderState(wanted).title}"
    )


def test_states_are_named_in_words() -> None:
    """Number and words, as messages show them."""
    assert [state.title for state in OrderState] == [
        "1 (awaiting payment)",
        "2 (awaiting shipment)",
        "3 (awaiting receipt)",
        "4 (completed)",
        "5 (in after-sale)",
        "6 (cancelled)",
    ]
