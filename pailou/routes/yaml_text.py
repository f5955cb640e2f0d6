"""YAML as the route table's file uses it: JSON's values in readable form, and the place in the file of every one of them.

Only JSON's own words mean anything: `yes`, `on` or `2026-01-01` are text, as they look.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

MAX_VALUES = 1_000_000
"""Aliases (`&page`, `*page`) are welcome; a file that unfolds into more than this is a mistake or worse."""
MAX_DEPTH = 60

Path = tuple[str | int, ...]

_RULES = (
    ("tag:yaml.org,2002:null", re.compile(r"(?:null|~|)$"), ["n", "~", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789")),
    ("tag:yaml.org,2002:float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")),
)  # fmt: skip
_INTEGER_DIGITS = 400  # int() is slow on endless text


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """Something is wrong at a place of the file. line, column: from 1."""

    line: int
    column: int
    message: str


class FileInvalid(Exception):
    """mistakes: all that were found, in the order of the file."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = sorted(mistakes)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's parser where it was built in
    """Reads nodes; values are made below."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


class Dumper(yaml.SafeDumper):
    """Writes lists indented, and text of several lines as a block."""

    yaml_implicit_resolvers: dict[Any, Any] = {}

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


for _tag, _regexp, _first in _RULES:
    Loader.add_implicit_resolver(_tag, _regexp, _first)
    Dumper.add_implicit_resolver(_tag, _regexp, _first)


def _represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    lines = text.split("\n")
    is_block = lines[0] and not lines[0].startswith(" ") and all(line == line.rstrip() for line in lines)
    style = "|" if len(lines) > 1 and is_block else None
    if not all(line.isprintable() for line in lines) or (len(lines) > 1 and not is_block):
        style = '"'  # the only style that brings every character back as it was
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _represent_text)


class Document:
    """A parsed file. value: JSON's values."""

    def __init__(self, text: str) -> None:
        """Raises FileInvalid."""
        self._marks: dict[Path, tuple[yaml.Mark, yaml.Mark]] = {}
        self._count = 0
        try:
            node = yaml.compose(text, Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            words = ": ".join(part for part in (error.context, error.problem) if part)
            raise _mistake(mark, words) from None
        except yaml.YAMLError as error:  # characters that no YAML holds
            raise FileInvalid(Mistake(1, 1, " ".join(str(error).split()))) from None
        self.value: Any = None
        if node is not None:
            self._marks[()] = (node.start_mark, node.start_mark)
            self.value = self._make(node, ())

    def place(self, path: Sequence[str | int], *, of_key: bool = False) -> tuple[int, int]:
        """(line, column) of the value there, or of its key; where there is none, of what it would be in."""
        known = tuple(path)
        while known not in self._marks:
            known, of_key = known[:-1], True
            if not known:
                break
        key, value = self._marks.get(known, (None, None))
        mark = key if of_key else value
        return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)

    def _make(self, node: yaml.Node, path: Path) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _mistake(node.start_mark, f"the file holds more than {MAX_VALUES} values, aliases unfolded")
        if len(path) > MAX_DEPTH:
            raise _mistake(node.start_mark, f"is nested deeper than {MAX_DEPTH}, or holds itself")
        if isinstance(node, yaml.MappingNode):
            return self._make_object(node, path)
        if isinstance(node, yaml.SequenceNode):
            _refuse_other_tag(node, "seq")
            for n, item in enumerate(node.value):
                self._marks[(*path, n)] = (item.start_mark, item.start_mark)
            return [self._make(item, (*path, n)) for n, item in enumerate(node.value)]
        return _scalar(node)

    def _make_object(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        _refuse_other_tag(node, "map")
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _mistake(key_node.start_mark, "a name must be text")
            name = key_node.value  # a name is text whatever it looks like: JSON knows no other
            if name in made:
                raise _mistake(key_node.start_mark, f"{name} is there twice")
            self._marks[(*path, name)] = (key_node.start_mark, value_node.start_mark)
            made[name] = None
            made[name] = self._make(value_node, (*path, name))
        return made


def dump(value: object) -> str:
    """The value as YAML, names in their own order."""
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False, default_flow_style=False, width=120)


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    if kind == "int" and len(text) <= _INTEGER_DIGITS:
        return int(text)
    if kind == "float":
        number = float(text)
        if number - number == 0:  # neither infinite nor none
            return number
    raise _mistake(node.start_mark, f"{node.tag} has no form in JSON")


def _refuse_other_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != f"tag:yaml.org,2002:{kind}":
        raise _mistake(node.start_mark, f"{node.tag} has no form in JSON")


def _mistake(mark: yaml.Mark | None, message: str) -> FileInvalid:
    line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
    return FileInvalid(Mistake(line, column, message))
