"""An API's JSON Schema, compiled once: judges the business parameters of each call, and says what to change.

Parameters are strings; before a schema can judge them each is read as the type that its property names. What is forwarded stays
as it was sent. Patterns run on an engine that is linear in the text, and no reference leads out of the schema.
"""

import re
from collections.abc import Callable, Container, Mapping
from typing import Any

import jsonschema_rs
import orjson

from openplatform.errors import INVALID_ARGUMENT, MISSING_ARGUMENT, OpenPlatformError

MAX_ITEMS = 10_000
"""Of a list joined by commas; bounds what one parameter of the largest allowed body can cost."""
MAX_JSON_CHARS = 1024 * 1024
"""Of a parameter that is JSON text."""
MAX_DIGITS = 19
"""What fits a bigint; int() is slow on endless text."""
_MAX_SHOWN = 160
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1024 * 1024)

# As services read numbers (openplatform.arguments): ASCII, nothing trimmed, no NaN.
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")

Reader = Callable[[str], Any]
"""Reads a parameter's text; gives the text itself back when it is none of its type, which the schema then refuses."""

# With nothing but these at the top a parameter that has no property cannot matter.
_ABOUT_KNOWN_NAMES = frozenset(
    ("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "examples", "default", "type", "required",
     "properties")
)  # fmt: skip


class SchemaInvalid(ValueError):
    """The schema cannot be used; the message says why."""


class ParameterSchema:
    """schema: a JSON Schema of an object, draft 2020-12 unless `$schema` says otherwise; `format` is documentation only.

    Raises SchemaInvalid.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(schema), validate_formats=False, pattern_options=_PATTERNS, offline=True
            )
        except jsonschema_rs.ValidationError as error:
            place = ".".join(str(part) for part in error.instance_path)
            raise SchemaInvalid(clipped(f"{place}: {error.message}" if place else error.message)) from None
        except ValueError as error:
            raise SchemaInvalid(clipped(str(error))) from None
        self._schema = schema
        properties = schema.get("properties", {})
        self._required = tuple(schema.get("required", ()))
        rules_of = dict.fromkeys(self._required) | properties
        self._readers = tuple((name, _reader(schema, rules)) for name, rules in rules_of.items())
        self._names = frozenset(rules_of)
        about_all = set(schema) - _ABOUT_KNOWN_NAMES
        if schema.get("additionalProperties") is True:
            about_all.discard("additionalProperties")
        self._sees_all = bool(about_all)

    @classmethod
    def of_text(cls, text: str) -> "ParameterSchema":
        """From JSON text. Raises SchemaInvalid."""
        try:
            schema = orjson.loads(text)
        except ValueError as error:
            raise SchemaInvalid(f"is no JSON: {error}") from None
        if not isinstance(schema, dict):
            raise SchemaInvalid("is no JSON object")
        return cls(schema)

    def judge(self, params: Mapping[str, str], apart: Container[str]) -> None:
        """Raises error 40 or 41 for the first parameter that does not fit; an empty value counts as not given.

        apart: names that are no business parameters.
        """
        read: dict[str, Any] = {}
        for name, reader in self._readers:
            text = params.get(name)
            if text:
                read[name] = text if reader is None else reader(text)
        if self._sees_all:
            for name, text in params.items():
                if text and name not in self._names and name not in apart:
                    read[name] = text
        if not self._validator.is_valid(read):
            raise self._refusal(read)

    def _refusal(self, read: Mapping[str, Any]) -> OpenPlatformError:
        for name in self._required:
            if name not in read:
                return MISSING_ARGUMENT(name=name)
        error = next(iter(self._validator.iter_errors(read)))
        if error.kind.name == "falseSchema" and not list(error.instance_path):
            return _unknown(next(iter(read), ""))  # of an API that takes none at all
        return _explained(error)


def _reader(schema: Mapping[str, Any], rules: object, *, is_item: bool = False) -> Reader | None:
    """How a parameter with these rules is read; None = as text. is_item: it stands between commas, where no list or object can."""
    rules = _resolved(schema, rules)
    named = rules.get("type")
    types = [named] if isinstance(named, str) else list(named) if isinstance(named, list) else []
    readers = [SCALARS[name] for name in types if name in SCALARS]
    if not is_item:
        readers += [_object] if "object" in types else []
        readers += [_list_reader(_reader(schema, rules.get("items"), is_item=True))] if "array" in types else []
    if len(readers) < 2:
        return readers[0] if readers else None

    def read_as_any(text: str) -> Any:
        for reader in readers:
            value = reader(text)
            if value is not text:
                return value
        return text

    return read_as_any


def _whole(text: str) -> Any:
    if len(text) <= MAX_DIGITS and text.isdigit() and text.isascii():
        return int(text)
    digits = text[1:] if text.startswith("-") else ""
    return int(text) if 0 < len(digits) <= MAX_DIGITS and digits.isdigit() and digits.isascii() else text


def _decimal(text: str) -> Any:
    value = _whole(text)
    if value is not text:
        return value
    return float(text) if _DECIMAL.fullmatch(text) else text


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


SCALARS: Mapping[str, Reader] = {"integer": _whole, "number": _decimal, "boolean": _boolean}


def _object(text: str) -> Any:
    return _json(text) if text.startswith("{") else text


def _list_reader(item: Reader | None) -> Reader:
    def read_list(text: str) -> Any:
        if text.startswith("["):
            value = _json(text)
            return value if isinstance(value, list) else text
        if text.count(",") >= MAX_ITEMS:
            return text
        words = text.split(",")
        return words if item is None else [item(word) for word in words]

    return read_list


def _json(text: str) -> Any:
    if len(text) > MAX_JSON_CHARS:
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _resolved(schema: Mapping[str, Any], rules: object) -> Mapping[str, Any]:
    """The rules that a local reference leads to; {} where they say nothing about a type."""
    for _ in range(8):
        if not isinstance(rules, dict):
            return {}
        reference = rules.get("$ref")
        if "type" in rules or not isinstance(reference, str) or not reference.startswith("#/"):
            return rules
        found: Any = schema
        for part in reference[2:].split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        rules = found
    return {}


def _explained(error: jsonschema_rs.ValidationError) -> OpenPlatformError:
    """The error as its caller reads it: which parameter, and what to change. Values are never repeated: they may be personal."""
    path, kind = list(error.instance_path), error.kind
    rule = kind.name
    if not path:
        if rule == "required":
            return MISSING_ARGUMENT(name=kind.as_dict()["property"])
        if rule in ("additionalProperties", "unevaluatedProperties"):
            return _unknown(kind.as_dict()["unexpected"][0])
        if rule in ("anyOf", "oneOf") and (names := _alternatives(kind)):
            one_of = " or ".join(names)
            return MISSING_ARGUMENT(f"add one of the parameters {one_of}", name=names[0])
        return INVALID_ARGUMENT(f"the parameters together break the API's rule {rule}", name=rule)
    name = str(path[0])
    return INVALID_ARGUMENT(f"the parameter {_place(path)} {_demand(rule, kind.as_dict())}", name=name)


def _unknown(name: str) -> OpenPlatformError:
    name = clipped(name, 64)
    return INVALID_ARGUMENT(f"this API has no parameter {name}: leave it out", name=name)


def _alternatives(kind: jsonschema_rs.ValidationErrorKind) -> list[str]:
    """The parameters of which one is missing, where that is what every alternative lacks."""
    names = []
    for errors in kind.as_dict()["context"]:
        if len(errors) != 1 or errors[0].kind.name != "required" or errors[0].instance_path:
            return []
        names.append(str(errors[0].kind.as_dict()["property"]))
    return names


def _demand(rule: str, facts: Mapping[str, Any]) -> str:
    if rule == "type":
        return "must be " + " or ".join(TYPE_WORDS.get(name, name) for name in facts["types"])
    if rule in ("enum", "const"):
        options = facts["options"] if rule == "enum" else [facts["expected_value"]]
        return "must be " + clipped(" or ".join(str(option) for option in options))
    if rule in _DEMANDS:
        words, fact = _DEMANDS[rule]
        return words.replace("%", clipped(str(facts[fact])) if fact else "")
    return f"breaks the API's rule {rule}"


TYPE_WORDS = {
    "integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text", "object": "a JSON object",
    "array": "a list, joined by commas or as JSON text", "null": "empty",
}  # fmt: skip
_DEMANDS = {
    "minimum": ("must be at least %", "limit"),
    "maximum": ("must be at most %", "limit"),
    "exclusiveMinimum": ("must be above %", "limit"),
    "exclusiveMaximum": ("must be below %", "limit"),
    "multipleOf": ("must be a multiple of %", "multiple_of"),
    "minLength": ("must have at least % characters", "limit"),
    "maxLength": ("must have at most % characters", "limit"),
    "pattern": ("must match the pattern %", "pattern"),
    "minItems": ("must have at least % items", "limit"),
    "maxItems": ("must have at most % items", "limit"),
    "uniqueItems": ("must not name an item twice", ""),
    "minProperties": ("must have at least % members", "limit"),
    "maxProperties": ("must have at most % members", "limit"),
    "required": ("needs the member %", "property"),
    "falseSchema": ("holds something that this API does not take", ""),
}


def _place(path: list[str | int]) -> str:
    """`items[0].cnt`."""
    place = str(path[0])
    for part in path[1:8]:
        place += f"[{part}]" if isinstance(part, int) else f".{clipped(part, 64)}"
    return place


def clipped(text: str, most: int = _MAX_SHOWN) -> str:
    """In one printable line: names are the caller's, and go into records."""
    text = " ".join(text.split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    return text if text.isprintable() else "".join([c if c.isprintable() else "?" for c in text])
