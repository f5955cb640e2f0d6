"""The route table as a file: reads back as it was written, and every mistake has its place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin_api.apis.service.mappings import MappingDraft
from pailou.demo.apis import MAPPINGS
from pailou.routes.difference import compare
from pailou.routes.table import NAME, Table, parse, table_of, to_text
from pailou.routes.yaml_text import Document, FileInvalid, dump

DEMO = table_of([draft.model_dump() for draft in MAPPINGS])


def mistakes(text: str) -> list[tuple[int, int, str]]:
    """(line, column, message) of all that is wrong with the file."""
    with pytest.raises(FileInvalid) as caught:
        parse(text)
    return [(m.line, m.column, m.message) for m in caught.value.mistakes]


def test_the_demos_table_reads_back_as_it_is() -> None:
    """Defaults are left out, names are in order, the same table gives the same text."""
    text = to_text(DEMO)
    assert parse(text)[0] == DEMO
    assert to_text(parse(text)[0]) == text
    assert "timeout_ms" not in text and "description: 订单详情" in text and "&id" not in text
    names = [line[2:-1] for line in text.splitlines() if line.startswith("  open.")]
    assert names == sorted(names) and len(names) == len(MAPPINGS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.text(alphabet=" \n\t#:-'\"|>%@`&*!?{}[],~0123456789.eE+yes", max_size=30))
def test_every_json_value_reads_back_as_it_was_written(value: Any) -> None:
    """Whatever it looks like: text that could be a number, a date, a list, `yes`, or the end of a file."""
    assert Document(dump({"a": value})).value == {"a": value}


@st.composite
def drafts(draw: st.DrawFn) -> Table:
    """A route table that operators could have made, with words of every script."""
    words = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029"), max_size=60)
    documents = st.none() | st.dictionaries(st.text(max_size=8), JSON, max_size=3)
    breaker = st.none() | st.fixed_dictionaries(
        {}, optional={"window_s": st.floats(1, 300), "permits": st.integers(1, 100)}
    )
    table = {}
    for number in range(draw(st.integers(0, 3))):
        fields = {
            NAME: f"open.t{number}.get", "service_id": "s", "inside_api_url": "/a/{b}",
            "description": draw(words) + draw(st.sampled_from(["", "\n", "\n  two\n\nthree "])) + draw(words),
            "idempotents": draw(st.booleans()), "timeout_ms": draw(st.integers(1, 60_000)),
            "limit_per_day": draw(st.none() | st.integers(1, 10_000_000)), "response_example": draw(documents),
            "fallback_body": draw(documents), "breaker": draw(breaker),
            "request_schema": draw(st.none() | st.just({"type": "object", "properties": {"yes": {"enum": ["1e5", "null", 1e5]}}})),
            "list_items": draw(st.just({}) | st.just({"orders": "order"})), "sensitive": draw(st.just([]) | st.just(["no", "on"])),
        }  # fmt: skip
        made = MappingDraft.model_validate(fields).model_dump()
        table[made.pop(NAME)] = made
    return table


@settings(max_examples=60, deadline=None)
@given(drafts())
def test_export_and_import_change_nothing(table: Table) -> None:
    """For any table: what is written and read again differs in no field."""
    wanted, _ = parse(to_text(table))
    assert wanted == table
    assert compare(table, wanted, prune=True).is_empty


GOOD = """\
apis:
  open.order.get:
    service_id: order-service
    inside_api_url: /orders/{order_id}
"""


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "`apis:`"),
        ("apis:\n  - a\n", 1, 1, "`apis:`"),
        ("apis: {}\nother: 1\n", 1, 1, "`apis:`"),
        ("apis:\n  a: [\n", 3, 1, "flow"),
        ("apis:\n  open.order.get: 5\n", 2, 19, "its fields"),
        (GOOD + "    timeout_ms: 0\n", 5, 17, "timeout_ms"),
        (GOOD + "    timeout: 5\n", 5, 5, "is no field"),
        (GOOD + "    gateway_api_name: x\n", 5, 23, "leave gateway_api_name out"),
        (GOOD + "    service_id: s\n", 5, 5, "there twice"),
        (GOOD + "  open.order.get: {}\n", 5, 3, "there twice"),
        (GOOD + "    idempotents: yes\n", 5, 18, "idempotents"),
        (GOOD + "    state: !!python/object:os.system x\n", 5, 12, "no form in JSON"),
        (GOOD + "    price_fen: .inf\n", 5, 16, "price_fen"),
        (GOOD + "    breaker:\n      permits: 0\n", 6, 16, "breaker.permits"),
        (GOOD + "    request_schema:\n      properties:\n        a: {pattern: '('}\n", 7, 22, "pattern"),
        (GOOD + "    request_schema: {properties: {a: {type: objekt}}}\n", 5, 45, "type"),
        (GOOD + "    list_items: {1: x}\n", 5, 18, "list_items"),
        (GOOD + "    needfee: true\n", 2, 3, "price_fen"),
        ("apis:\n  open.order.get:\n    service_id: s\n", 2, 3, "inside_api_url is missing"),
        ("apis:\n  orders:\n    service_id: s\n    inside_api_url: /\n", 2, 3, "words joined by dots"),
        ("apis: &a\n  x: *a\n", 1, 7, "holds itself"),
        ("apis:\n  ? [a]\n  : 1\n", 2, 5, "must be text"),
        ("a\0b", 1, 1, ""),
    ],
)
def test_every_mistake_has_its_line_and_column(text: str, line: int, column: int, says: str) -> None:
    """And words that name what is wrong."""
    found = mistakes(text)
    assert [(found[0][:2], len(found)), says in found[0][2]] == [((line, column), 1), True], found


def test_all_mistakes_are_said_at_once() -> None:
    """In the order of the file, of all APIs."""
    text = GOOD.replace("/orders", "orders") + "    timeout_ms: x\n  b: {}\n"
    found = mistakes(text)
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    assert {line for line, _, _ in found} == {4, 5, 6}


def test_words_mean_what_they_look_like() -> None:
    """`yes`, a date and a version stay text; aliases are unfolded."""
    text = "a: &x [yes, 2026-01-01, 1.0.0, 0x10, 1_000, '5', <<]\nb: *x\n"
    words = ["yes", "2026-01-01", "1.0.0", "0x10", "1_000", "5", "<<"]
    assert Document(text).value == {"a": words, "b": words}


def test_a_difference_shows_lines_of_the_file() -> None:
    """An API that is new, one that changed, one that goes; what is kept is named apart."""
    wanted, _ = parse(GOOD + "    timeout_ms: 500\n  open.new.get:\n    service_id: s\n    inside_api_url: /\n")
    before, _ = parse(GOOD + "  open.old.get:\n    service_id: s\n    inside_api_url: /\n")
    pruned = compare(before, wanted, prune=True)
    assert pruned.summary() == "1 added, 1 changed, 1 removed"
    assert [line for sign, line in pruned.lines() if sign in "+-~"] == [
        "~open.new.get (new)"[1:], "+service_id: s", "+inside_api_url: /",
        "open.old.get (removed)", "-service_id: s", "-inside_api_url: /",
        "open.order.get", "+timeout_ms: 500",
    ]  # fmt: skip
    kept = compare(before, wanted, prune=False)
    assert (kept.removed, kept.kept) == ((), ("open.old.get",))
