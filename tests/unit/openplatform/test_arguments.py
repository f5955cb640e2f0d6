"""Business parameters: text in, checked values out."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.arguments import Arguments, whole_number, written_time
from openplatform.errors import ServiceRejected

SHANGHAI = ZoneInfo("Asia/Shanghai")


def reading(value: str) -> Arguments:
    return Arguments({"x": value}, SHANGHAI)


def refused(read: Callable[[], object]) -> str:
    """The sub_code of the refusal."""
    with pytest.raises(ServiceRejected) as refusal:
        read()
    assert refusal.value.http_status == 400
    return refusal.value.sub_code


def test_what_was_not_sent_or_is_empty_is_none() -> None:
    """Each reader says None or its default; the needed ones name what is missing."""
    for arguments in (Arguments({}, SHANGHAI), reading("")):
        assert arguments.text("x", max_length=5) is None
        assert arguments.integer("x") is None
        assert arguments.words("x", at_most=5) is None
        assert arguments.integers("x", at_most=5) is None
        assert arguments.time("x") is None
        assert arguments.objects("x", at_most=5) is None
        assert arguments.choice("x", ("a", "b"), "b") == "b"
        assert not arguments.has("x")
        assert (
            refused(lambda arguments=arguments: arguments.needed_text("x", max_length=5)) == "isv.missing-parameter:x"
        )
        assert refused(lambda arguments=arguments: arguments.needed_integer("x")) == "isv.missing-parameter:x"


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_whole_numbers_up_to_eighteen_digits_are_read(number: int) -> None:
    """As text or as a JSON number."""
    assert reading(str(number)).integer("x") == number
    assert whole_number("x", number) == number


@given(st.text(min_size=1).filter(lambda text: not (text.isascii() and text.isdigit() and len(text) <= 18)))
def test_nothing_else_is_a_whole_number(text: str) -> None:
    """Signs, spaces, points, exponents, other scripts' digits, endless ones."""
    assert refused(lambda: reading(text).integer("x")) == "isv.invalid-parameter:x"


@pytest.mark.parametrize("value", [True, 1.0, None, [], {}, -1, 10**18])
def test_json_values_that_are_no_such_number_are_refused(value: object) -> None:
    """A boolean is no number here."""
    assert refused(lambda: whole_number("x", value)) == "isv.invalid-parameter:x"


def test_lists_lose_repetitions_and_keep_their_order() -> None:
    """Commas only between values, at most so many."""
    assert reading("3,1,3,2").integers("x", at_most=4) == (3, 1, 2)
    assert refused(lambda: reading("1,2,3").integers("x", at_most=2)) == "isv.invalid-parameter:x"
    assert refused(lambda: reading("1,,2").words("x", at_most=5)) == "isv.invalid-parameter:x"


def test_a_time_is_read_in_the_platforms_zone() -> None:
    """And written the same way."""
    moment = reading("2024-05-31 12:00:00").time("x")
    assert moment == datetime(2024, 5, 31, 4, 0, tzinfo=UTC)
    assert written_time(moment, SHANGHAI) == "2024-05-31 12:00:00"
    assert written_time(None, SHANGHAI) is None


@given(st.datetimes(min_value=datetime(1992, 1, 1), max_value=datetime(9998, 12, 31)))  # noqa: DTZ001
def test_times_survive_reading_and_writing(moment: datetime) -> None:
    """To the second. (Before 1992 Shanghai had summer time, whose missing hours move.)"""
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    assert written_time(reading(text).time("x"), SHANGHAI) == text


def test_pages_have_bounds_and_defaults() -> None:
    """page_no from 1, page_size 1 to 100."""
    assert Arguments({}, SHANGHAI).page() == (1, 20)
    assert Arguments({"page_no": "7", "page_size": "100"}, SHANGHAI).page() == (7, 100)
    assert refused(lambda: Arguments({"page_size": "101"}, SHANGHAI).page()) == "isv.invalid-parameter:page_size"
    assert refused(lambda: Arguments({"page_no": "0"}, SHANGHAI).page()) == "isv.invalid-parameter:page_no"


@given(st.text())
def test_no_text_breaks_a_reader(text: str) -> None:
    """Whatever comes, the answer is a value or a refusal."""
    arguments = reading(text)
    for read in (
        lambda: arguments.text("x", max_length=50),
        lambda: arguments.integers("x", at_most=10),
        lambda: arguments.time("x"),
        lambda: arguments.objects("x", at_most=10),
        lambda: arguments.choice("x", ("a",), "a"),
    ):
        try:
            read()
        except ServiceRejected as refusal:
            assert refusal.sub_code == "isv.invalid-parameter:x"
