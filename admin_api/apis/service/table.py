"""The route table as a whole: read with a mark of its state, changed in one step only if it is still in that state."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from admin_api.apis.repository import all_mappings
from admin_api.apis.service.mappings import MappingDraft, columns_of, delete_mapping
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.apis import app_mapping
from admin_api.tables.rows import Row, insert_row, update_row
from admin_api.tables.shapes import Body

Etag = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class TableChange(Body):
    """What becomes of the route table: `put` are made or replaced whole, `remove` are deleted with the grants for them.

    based_on: the etag of the table that the change was made from.
    """

    based_on: Etag
    put: Annotated[list[MappingDraft], Field(max_length=10_000)] = []
    remove: Annotated[list[Name], Field(max_length=10_000)] = []

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        names = [draft.gateway_api_name for draft in self.put] + self.remove
        if len(set(names)) != len(names):
            raise ValueError("names an API twice")
        return self


def etag_of(rows: Sequence[Row]) -> str:
    """The state of the table that these rows are all of: another one whenever an API was added, changed or deleted."""
    state = "\n".join(f"{row['id']}:{row['version']}" for row in sorted(rows, key=lambda row: row["id"]))
    return hashlib.sha256(state.encode()).hexdigest()


async def change_table(change: Change, wanted: TableChange) -> tuple[list[str], list[str], list[str], str]:
    """Names that were made, changed and deleted, and the table's etag now. All of it or nothing.

    Raises a 409 Problem when the table is not as `based_on` says, a 422 Problem for a name in `remove` that is none.
    """
    rows = {row["gateway_api_name"]: row for row in await all_mappings(change.connection, lock=True)}
    if etag_of(list(rows.values())) != wanted.based_on:
        raise Problem(
            409,
            "stale-table",
            "the route table was changed meanwhile: look at the difference again",
            "路由表已被他人修改，请重新比较",
        )
    for place, name in enumerate(wanted.remove):
        if name not in rows:
            raise invalid_field(f"remove.{place}", f"names no API: {name}")
    made: list[Row] = []
    changed: list[Row] = []
    for draft in wanted.put:
        before = rows.get(draft.gateway_api_name)
        values: dict[str, Any] = columns_of(draft.model_dump())
        if before is None:
            made.append(await insert_row(change.connection, app_mapping, values, unique=("gateway_api_name",)))
            await change.record("create", app_mapping.name, made[-1]["id"], after=made[-1])
        else:
            changed.append(await update_row(change.connection, app_mapping, before, values))
            await change.record("edit", app_mapping.name, before["id"], before, changed[-1])
    for name in wanted.remove:
        await delete_mapping(change, rows[name]["id"])
    await change.emit_routes([row["id"] for row in (*made, *changed)])
    etag = etag_of(await all_mappings(change.connection))
    return _names(made), _names(changed), sorted(wanted.remove), etag


def _names(rows: Sequence[Row]) -> list[str]:
    return sorted(row["gateway_api_name"] for row in rows)
