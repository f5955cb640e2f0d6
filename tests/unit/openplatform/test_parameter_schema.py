"""JSON Schemas over parameters that are strings: what passes, what is refused with which words, which schemas are none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.errors import OpenPlatformError
from openplatform.parameter_schema import MAX_ITEMS, MAX_JSON_CHARS, ParameterSchema, SchemaInvalid

Schema = dict[str, Any]
APART = frozenset({"method", "sign"})


def of(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def refusal(schema: Schema, **params: str) -> tuple[str, str] | None:
    """sub_code and sub_msg, None when the parameters pass."""
    try:
        ParameterSchema(schema).judge({"method": "m", "sign": "s", **params}, APART)
    except OpenPlatformError as error:
        assert error.code in (40, 41)
        return error.sub_code, error.sub_msg
    return None


LIST: Schema = {"type": "array", "items": {"type": "integer"}, "maxItems": 3, "uniqueItems": True}
LINES: Schema = {
    "type": "array",
    "items": {"type": "object", "required": ["cnt"], "properties": {"cnt": {"minimum": 1}}},
}


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"type": "integer"}, "9007199254740993"),
        ({"type": "integer", "maximum": -1}, "-5"),
        ({"type": "number"}, "-1.5e3"),
        ({"type": "boolean"}, "true"),
        ({"type": "string", "maxLength": 3}, "中文字"),
        ({"maxLength": 3}, "123"),  # no type: text
        ({"enum": ["a", "b"]}, "b"),
        ({"type": "integer", "enum": [1, 2]}, "2"),
        ({"type": ["null", "integer", "boolean"]}, "true"),
        (LIST, "1,2,3"),
        (LIST, "[1, 2, 3]"),
        (LINES, '[{"cnt": 1}]'),
        ({"type": "object", "required": ["a"]}, '{"a": {"b": [1]}}'),
        ({"type": "string", "format": "email"}, "not one"),  # format is documentation
        ({"$ref": "#/properties/other"}, "5"),
    ],
)
def test_each_type_is_read_out_of_text(rules: Schema, value: str) -> None:
    """Numbers, truth values, lists joined by commas or as JSON, objects as JSON."""
    assert refusal(of("a", a=rules, other={"type": "integer"}), a=value) is None


@pytest.mark.parametrize(
    ("rules", "value", "says"),
    [
        ({"type": "integer"}, "x", "a must be a whole number"),
        ({"type": "integer"}, " 1", "a must be a whole number"),
        ({"type": "integer"}, "1.0", "a must be a whole number"),
        ({"type": "integer"}, "١٢", "a must be a whole number"),
        ({"type": "integer"}, "9" * 100_000, "a must be a whole number"),
        ({"type": "number"}, "NaN", "a must be a number"),
        ({"type": "number"}, "Infinity", "a must be a number"),
        ({"type": "number"}, "1e400", "a must be a number"),
        ({"type": "boolean"}, "yes", "a must be true or false"),
        ({"type": "integer", "minimum": 1}, "0", "a must be at least 1"),
        ({"type": "number", "exclusiveMaximum": 5}, "5", "a must be below 5"),
        ({"type": "integer", "multipleOf": 10}, "5", "a must be a multiple of 10"),
        ({"enum": ["new", "old"]}, "older", "a must be new or old"),
        ({"type": "integer", "const": 2}, "1", "a must be 2"),
        ({"type": "string", "maxLength": 2}, "abc", "a must have at most 2 characters"),
        ({"type": "string", "pattern": "^[a-z]+$"}, "A", "a must match the pattern ^[a-z]+$"),
        (LIST, "1,x", "a[1] must be a whole number"),
        (LIST, "1,2,3,4", "a must have at most 3 items"),
        (LIST, "1,1", "a must not name an item twice"),
        (LIST, "[1,2", "a must be a list, joined by commas or as JSON text"),
        (LINES, '[{"cnt":1},{"n":1}]', "a[1] needs the member cnt"),
        (LINES, '[{"cnt":0}]', "a[0].cnt must be at least 1"),
        ({"type": "object"}, "[1]", "a must be a JSON object"),
        ({"type": "object"}, '{"a":' * 5000 + "1" + "}" * 5000, "a must be a JSON object"),
        ({"type": "object"}, '{"a":"' + "x" * MAX_JSON_CHARS + '"}', "a must be a JSON object"),
        ({"type": "object", "additionalProperties": False}, '{"b":1}', "a holds something that this API does not take"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_to_change(rules: Schema, value: str, says: str) -> None:
    """41, one sentence, and never the value itself: it may be personal."""
    sub_code, sub_msg = refusal(of(a=rules), a=value) or ("", "")
    assert sub_code == "isv.invalid-parameter:a"
    assert sub_msg == f"the parameter {says}"


@pytest.mark.parametrize("given_", [{}, {"a": ""}, {"b": "1"}])
def test_what_is_needed_and_empty_or_absent_is_missing(given_: dict[str, str]) -> None:
    """40, as a parameter without a value counts as not given."""
    assert refusal(of("a", b={"type": "string"}), **given_) == ("isv.missing-parameter:a", "add the parameter a")
    assert refusal(of(a={"type": "integer", "minimum": 1}), a="") is None


def test_alternatives_that_lack_a_parameter_name_them() -> None:
    """anyOf over required is how a schema says "at least one of"."""
    schema = of(a={}, b={}) | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert refusal(schema, c="1") == ("isv.missing-parameter:a", "add one of the parameters a or b")
    assert refusal(schema, b="1") is None


def test_unknown_parameters_pass_unless_the_schema_forbids_them() -> None:
    """System parameters are no part of it either way; nothing of a name is taken for a placeholder."""
    assert refusal(of(a={}), unknown="1") is None
    closed = of(a={}) | {"additionalProperties": False}
    assert refusal(closed, a="1") is None
    code, says = refusal(closed, **{"{0}": "1"}) or ("", "")
    assert (code, says) == ("isv.invalid-parameter:{0}", "this API has no parameter {0}: leave it out")
    assert refusal(of() | {"additionalProperties": {"maxLength": 2}}, x="abc") == (
        "isv.invalid-parameter:x", "the parameter x must have at most 2 characters",
    )  # fmt: skip


def test_a_list_without_end_costs_little() -> None:
    """Past 10,000 commas it is not taken apart."""
    assert refusal(of(a={"type": "array"}), a="," * MAX_ITEMS) is not None
    assert refusal(of(a={"type": "array"}), a="," * (MAX_ITEMS - 1)) is None


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "objekt"}, "type"),
        ({"properties": {"a": {"type": "string", "pattern": "("}}}, "properties.a.pattern"),
        (
            {"properties": {"a": {"pattern": "(?=a)b"}}},
            "properties.a.pattern",
        ),  # no engine of linear time can look ahead
        ({"properties": {"a": {"pattern": "(a{1000}){1000}"}}}, "properties.a.pattern"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "disabled"),
        ({"$ref": "file:///etc/passwd"}, "disabled"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"$schema": "https://example.com/own"}, "meta-schema"),
        ({"required": "a"}, "required"),
        ({"properties": {"a": {"minimum": "1"}}}, "properties.a.minimum"),
    ],
)
def test_a_schema_that_cannot_be_used_says_where(schema: Schema, says: str) -> None:
    """Nothing is fetched, from anywhere."""
    with pytest.raises(SchemaInvalid, match=says.replace("$", r"\$")):
        ParameterSchema(schema)


def test_schemas_without_an_end_are_no_danger() -> None:
    """References in a circle end; nesting past all sense is refused."""
    of_itself: Schema = {"type": "array", "items": {"$ref": "#/properties/a"}}
    circles: list[Schema] = [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        of(a={"$ref": "#/properties/a"}),
        of(a=of_itself),
    ]
    for circle in circles:
        assert refusal(circle, a="[]") is None
    deep: Schema = {"type": "object"}
    for _ in range(3000):
        deep = {"properties": {"a": deep}}
    with pytest.raises(SchemaInvalid):
        ParameterSchema(deep)


def test_text_that_is_no_schema_is_refused() -> None:
    """What an operator of an older version may have stored."""
    for text in ("", "{", "[]", '"x"', "null"):
        with pytest.raises(SchemaInvalid):
            ParameterSchema.of_text(text)


TYPES = ("integer", "number", "boolean", "string", "array", "object", "null")


@given(
    types=st.lists(st.sampled_from(TYPES), min_size=1, unique=True),
    items=st.sampled_from(TYPES),
    text=st.text(max_size=30) | st.from_regex(r"-?[0-9]{0,25}(\.[0-9e+-]{0,5})?", fullmatch=True) | st.sampled_from(["[", "{}", "[[]]"]),
)  # fmt: skip
def test_any_text_is_judged(types: list[str], items: str, text: str) -> None:
    """Whatever is sent to whatever type: it passes, or is 40 or 41 of that parameter."""
    said = refusal(of("a", a={"type": types, "items": {"type": items}}), a=text)
    assert said is None or said[0] in ("isv.invalid-parameter:a", "isv.missing-parameter:a")


@given(st.integers(min_value=-(10**19) + 1, max_value=10**19 - 1))
def test_every_bigint_is_a_whole_number(number: int) -> None:
    """To the last digit: bounds are kept exactly."""
    assert refusal(of(a={"type": "integer", "minimum": number, "maximum": number}), a=str(number)) is None
