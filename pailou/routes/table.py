"""The route table as values: every API with all its fields; as a file, with defaults left out; and what a file has wrong."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from admin_api.apis.service.mappings import MappingDraft
from admin_api.apis.service.rules import BreakerDraft
from pailou.routes.yaml_text import Document, FileInvalid, Mistake, Path, dump

Fields = dict[str, Any]
Table = dict[str, Fields]
"""API name → every field of its mapping but the name, defaults filled in."""

NAME = "gateway_api_name"
FIELDS = tuple(name for name in MappingDraft.model_fields if name != NAME)
_DEFAULTS = {name: field.default for name, field in MappingDraft.model_fields.items() if not field.is_required()}
_BREAKER_DEFAULTS = BreakerDraft().model_dump()
_HEAD = "# Pailou's route table: `pailou routes diff` compares it with what is in force, `pailou routes import` brings it into force.\n"
_PLACED = re.compile(r"^(?:Value error, )?([\w$-]+(?:\.[\w$-]+)*): ")


def table_of(mappings: list[Fields]) -> Table:
    """From what admin_api exports."""
    return {
        mapping[NAME]: {name: mapping[name] for name in FIELDS}
        for mapping in sorted(mappings, key=lambda mapping: str(mapping[NAME]))
    }


def to_text(table: Table) -> str:
    """The file. The same table always gives the same text."""
    return _HEAD + dump({"apis": {name: shortened(fields) for name, fields in sorted(table.items())}})


def shortened(fields: Mapping[str, Any]) -> Fields:
    """Without what is as it is by default, in the order of MappingDraft's fields."""
    short = {name: fields[name] for name in FIELDS if name not in _DEFAULTS or fields[name] != _DEFAULTS[name]}
    if short.get("breaker") is not None:
        short["breaker"] = {n: v for n, v in short["breaker"].items() if v != _BREAKER_DEFAULTS.get(n)}
    return short


def parse(text: str) -> tuple[Table, Document]:
    """The table that a file says, and where it says what. Raises FileInvalid with every mistake."""
    document = Document(text)
    whole = document.value
    if not isinstance(whole, dict) or set(whole) != {"apis"} or not isinstance(whole["apis"], dict):
        raise FileInvalid(_at(document, (), "the file must hold `apis:`, and under it each API by its name"))
    table: Table = {}
    mistakes: list[Mistake] = []
    for name, fields in whole["apis"].items():
        try:
            table[name] = _checked(document, name, fields)
        except FileInvalid as error:
            mistakes += error.mistakes
    if mistakes:
        raise FileInvalid(*mistakes)
    return dict(sorted(table.items())), document


def mistake_at(document: Document, name: str, path: Path, message: str) -> Mistake:
    """What is wrong with a field of an API, at its place in the file. path: below the API."""
    return _at(document, ("apis", name, *path), f"{name}: {'.'.join(map(str, path))} {message}" if path else message)


def _checked(document: Document, name: str, fields: object) -> Fields:
    if not isinstance(fields, dict):
        raise FileInvalid(_at(document, ("apis", name), f"{name}: must be its fields, by name"))
    if NAME in fields:
        raise FileInvalid(_at(document, ("apis", name, NAME), f"{name}: leave {NAME} out: the name stands above"))
    try:
        draft = MappingDraft.model_validate({NAME: name, **fields})
    except ValidationError as error:
        raise FileInvalid(*(_placed(document, name, found) for found in error.errors())) from None
    checked = draft.model_dump()
    del checked[NAME]
    return checked


def _placed(document: Document, name: str, error: Mapping[str, Any]) -> Mistake:
    path: Path = tuple(error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if path == (NAME,):
        return Mistake(*document.place(("apis", name), of_key=True), f"{name}: {message}")
    of_key = not path or error["type"] in ("missing", "extra_forbidden")
    if error["type"] == "missing":
        message = "is missing"
    if error["type"] == "extra_forbidden":
        message = "is no field of an API"
    deeper = _PLACED.match(message)  # schemas say where they are wrong
    inner = path + tuple(deeper[1].split(".")) if deeper else path
    line, column = document.place(("apis", name, *inner), of_key=of_key)
    return Mistake(line, column, f"{name}: {'.'.join(map(str, path))} {message}" if path else f"{name}: {message}")


def _at(document: Document, path: Path, message: str) -> Mistake:
    return Mistake(*document.place(path), message)
