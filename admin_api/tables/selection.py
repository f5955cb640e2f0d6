"""Many rows at once: chosen by id or by a filter, changed together, reported one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Self, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, Field, model_validator

from admin_api.tables.rows import Row, fetch_rows
from admin_api.tables.shapes import Body, BodyId, View
from openplatform.sql import AsyncConnection

F = TypeVar("F", bound=BaseModel)

MAX_IDS = 1000
MAX_MATCHES = 10_000
"""Rows that one transaction changes: about 10 s of work, while which no other change reaches the gateways."""
_CHUNK = 1000  # SQLite takes 32,766 values in one statement


class Selection(Body, Generic[F]):
    """Which rows: `ids`, or all that `filter` finds. expected: how many the caller saw it find; another number refuses."""

    ids: Annotated[list[BodyId], Field(min_length=1, max_length=MAX_IDS)] | None = None
    filter: F | None = None
    expected: Annotated[int, Field(strict=True, ge=0, le=MAX_MATCHES)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("name rows by ids or by a filter: one of the two")
        return self


class SelectionTooLarge(Exception):
    """A filter finds more rows than may be changed at once."""


class SelectionChanged(Exception):
    """A filter finds another number of rows than the caller was shown."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(f"{found} rows, {expected} expected")
        self.found = found
        self.expected = expected


@dataclass(slots=True)
class Chosen:
    """rows: locked, by id; missing: ids that name no row."""

    rows: list[Row]
    missing: list[int] = field(default_factory=list)


class Failure(View):
    """Why one row was not changed."""

    id: int
    code: str
    detail: str
    detail_zh: str


class BulkResult(View):
    """Item by item: changed now, in the wanted state before, and not changed, with the reason of each."""

    changed: list[int]
    unchanged: list[int]
    failures: list[Failure]

    @classmethod
    def of_chosen(cls, chosen: Chosen, changed: Sequence[Row]) -> Self:
        """What became of the chosen rows."""
        ids = [row["id"] for row in changed]
        missing = [
            Failure(id=i, code="not-found", detail="no row has this id", detail_zh="记录不存在") for i in chosen.missing
        ]
        return cls(changed=ids, unchanged=sorted({row["id"] for row in chosen.rows} - set(ids)), failures=missing)


async def choose(
    connection: AsyncConnection, table: sa.Table, selection: Selection[F], matching: sa.Select[Any] | None
) -> Chosen:
    """The rows, locked until the transaction ends.

    matching: selects the ids that the filter finds. Raises SelectionTooLarge, SelectionChanged.
    """
    if matching is not None:
        found = await connection.execute(matching.order_by(table.c.id).limit(MAX_MATCHES + 1))
        ids = list(found.scalars())
        if len(ids) > MAX_MATCHES:
            raise SelectionTooLarge
    else:
        ids = sorted(set(selection.ids or ()))
    if selection.expected is not None and selection.expected != len(ids):
        raise SelectionChanged(len(ids), selection.expected)
    rows: list[Row] = []
    for start in range(0, len(ids), _CHUNK):
        of_chunk = table.c.id.in_(ids[start : start + _CHUNK])
        rows += await fetch_rows(connection, sa.select(table).where(of_chunk).order_by(table.c.id).with_for_update())
    return Chosen(rows, sorted(set(ids) - {row["id"] for row in rows}))


async def update_rows(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[Row], values: Mapping[str, Any]
) -> list[Row]:
    """Writes the same values over many locked rows and counts their versions up; returns the rows as they are then."""
    counted = {"version": table.c.version + 1} if "version" in table.c else {}
    ids = [row["id"] for row in rows]
    for start in range(0, len(ids), _CHUNK):
        of_chunk = table.c.id.in_(ids[start : start + _CHUNK])
        await connection.execute(sa.update(table).where(of_chunk).values(dict(values) | counted))
    return [row | dict(values) | ({"version": row["version"] + 1} if counted else {}) for row in rows]
