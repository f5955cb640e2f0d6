"""Forms become the models of the JSON API; their refusals become words at the fields."""

from typing import Annotated, Literal

import pytest
from pydantic import Field
from starlette.datastructures import FormData, QueryParams

from admin_api.apis.service.mappings import MappingDraft
from admin_api.apps.endpoints.apps import AppSwitch
from admin_api.apps.repository.apps import AppListing
from admin_api.apps.service.apps import AppDraft, AppEdit
from admin_api.console.formats import milliseconds, money, number, size
from admin_api.console.forms import FormProblem, field_errors, parse
from admin_api.console.lists import ListState, read_query
from admin_api.console.mapping_fields import documents_of
from admin_api.tables.shapes import Body


class Mixed(Body):
    """One field of each kind that forms have."""

    kind: Literal[1, 2]
    word: Literal["a", "b"] = "a"
    ids: Annotated[list[Annotated[int, Field(strict=True)]], Field(min_length=1)] | None = None
    is_on: Annotated[bool, Field(strict=True)] = True


def say(text: str) -> str:
    return text


def test_texts_become_numbers_boxes_and_lists() -> None:
    """Strict models get what they want; a box that is not ticked is off if the form has it, else the default."""
    sent = FormData([("kind", " 2 "), ("ids", "3"), ("ids", "4"), ("ids", ""), ("is_on.box", "1"), ("more", "x")])
    assert parse(Mixed, sent) == Mixed(kind=2, ids=[3, 4], is_on=False)
    assert parse(Mixed, FormData([("kind", "1")])).is_on
    assert parse(Mixed, FormData([("kind", "1"), ("is_on", "on")])).is_on


def test_an_empty_optional_field_is_none_and_others_are_required() -> None:
    """minute_limit empty = the platform's default; a name that is blank is missing."""
    sent = {"cus_id": "1", "corp_name": " ", "app_name": "x", "daily_limit": "1,000", "minute_limit": ""}
    with pytest.raises(FormProblem) as refused:
        parse(AppDraft, sent)
    assert field_errors(refused.value, say) == {"corp_name": "is required"}
    draft = parse(AppDraft, sent | {"corp_name": "y"})
    assert (draft.daily_limit, draft.minute_limit) == (1000, None)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("daily_limit", "many", "must be a whole number"),
        ("daily_limit", "-1", "must be at least 0"),
        ("daily_limit", "99999999999", "must be at most 2147483647"),
        ("app_name", "x" * 51, "may have at most 50 characters"),
        ("app_name", "a\x00b", "must not hold control characters"),
        ("redirect_url", "javascript:alert(1)", "must begin with http:// or https:// and hold no blanks, or be empty"),
        ("version", "", "must be a whole number"),
    ],
)
def test_refusals_are_words_at_the_field(field: str, text: str, words: str) -> None:
    """With the limit that was broken; the sentences of our own rules as they are."""
    with pytest.raises(FormProblem) as refused:
        parse(AppEdit, {"version": "1", field: text})
    assert field_errors(refused.value, say) == {field: words}


def test_what_a_form_does_not_name_is_not_assigned() -> None:
    """Fields that the model does not have are ignored, fields that the form does not have stay as they are."""
    edit = parse(AppEdit, {"version": "3", "app_name": "x", "app_key": "1", "id": "9", "md5_allowed.box": "1"})
    assert edit.changes() == {"app_name": "x", "md5_allowed": False}
    assert parse(AppSwitch, FormData([("ids", "5"), ("state", "0")])).ids == [5]


def test_a_lists_address_falls_back_where_it_is_wrong() -> None:
    """Invalid page, size, sort and filters are the defaults; the address that is written is the shortest."""
    listing = read_query(AppListing, QueryParams("page=x&size=7000&sort=no&state=9&q=%20&cus_id=3&foo=1"))
    assert listing == AppListing(cus_id=3)
    state = ListState("/apps", AppListing(q="a&b", page=3, sort="-app_name"), total=100)
    assert (state.pages, state.first, state.last, state.pages_shown()) == (5, 41, 60, [1, 2, 3, 4, 5])
    assert state.url(page=4) == "/apps?q=a%26b&page=4&sort=-app_name"
    assert state.url(state=1) == "/apps?q=a%26b&sort=-app_name&state=1"
    assert state.sort_url("app_name") == "/apps?q=a%26b&sort=app_name"
    assert state.sorted_by("app_name") == "descending"
    assert state.export_url("/x", "en") == "/x?q=a%26b&lang=en"
    assert ListState("/apps", AppListing(page=50), total=2000).pages_shown() == [1, 0, 48, 49, 50, 51, 52, 0, 100]


def test_values_are_written_for_people() -> None:
    """Yuan from fen, grouped numbers, units; a dash where there is nothing."""
    assert (money(123456), money(-5), money(0), money(None)) == ("¥1,234.56", "-¥0.05", "¥0.00", "—")
    assert (number(1234567), number(0.126, 2)) == ("1,234,567", "0.13")
    assert (milliseconds(3.14159), milliseconds(2315.4)) == ("3.1 ms", "2,315 ms")
    assert (size(512), size(1536), size(5 * 1024**3)) == ("512 B", "1.5 KiB", "5.0 GiB")


def test_a_part_of_a_field_that_was_sent_is_marked_itself() -> None:
    """A breaker rule at its own field; what a price lacks is said at the price."""
    sent = {"gateway_api_name": "open.a.get", "service_id": "a", "inside_api_url": "/a"}
    rules = {"breaker.own": "1", "breaker.min_calls": "0"}
    with pytest.raises(FormProblem) as refused:
        parse(MappingDraft, sent, **documents_of(rules))
    assert field_errors(refused.value, say, rules) == {"breaker.min_calls": "must be at least 1"}
    with pytest.raises(FormProblem) as refused:
        parse(MappingDraft, sent | {"needfee": "1"}, **documents_of({}))
    assert field_errors(refused.value, say) == {"price_fen": "must be above 0 for an API with needfee"}
