"""What an import would change: compared field by field, shown as lines of the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from typing import Literal

from pailou.routes.table import Fields, Table, shortened
from pailou.routes.yaml_text import dump

Sign = Literal["+", "-", "~", " ", "@"]
_SIGNS: dict[str, Sign] = {"+": "+", "-": "-", "@": "@"}


@dataclass(frozen=True, slots=True)
class Difference:
    """added, changed: API name → its fields as they are wanted; removed: names; kept: names that only the platform has."""

    added: Table
    changed: Table
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    before: Table

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)

    def summary(self) -> str:
        """`1 added, 2 changed, 0 removed`."""
        return f"{len(self.added)} added, {len(self.changed)} changed, {len(self.removed)} removed"

    def lines(self) -> Iterator[tuple[Sign, str]]:
        """(what it is, text) of every line to show: `~` heads an API."""
        for name in sorted({*self.added, *self.changed, *self.removed}):
            wanted = self.added.get(name) or self.changed.get(name)
            yield "~", f"{name}{'' if name in self.changed else ' (new)' if wanted is not None else ' (removed)'}"
            lines = unified_diff(_lines(self.before.get(name)), _lines(wanted), n=2, lineterm="")
            for line in islice(lines, 2, None):  # the first two name files, which there are none
                yield _SIGNS.get(line[0], " "), line


def compare(before: Table, wanted: Table, *, prune: bool) -> Difference:
    """before: what is in force; prune: whether what the wanted table lacks is removed."""
    only_before = tuple(name for name in sorted(before) if name not in wanted)
    return Difference(
        added={name: fields for name, fields in wanted.items() if name not in before},
        changed={name: fields for name, fields in wanted.items() if name in before and fields != before[name]},
        removed=only_before if prune else (),
        kept=() if prune else only_before,
        before=before,
    )


def _lines(fields: Fields | None) -> list[str]:
    return [] if fields is None else dump(shortened(fields)).splitlines()
