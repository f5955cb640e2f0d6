"""How single rows are read and written: one place for locks, versions and the database's refusals."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from admin_api.tables.platform import mutex
from openplatform.sql import AsyncConnection

Row = dict[str, Any]

SECRET_COLUMNS = frozenset({"password", "app_secret", "secret", "access_token", "refresh_token"})
"""Never shown, not even to who may edit them: masked wherever rows are recorded or compared."""

RowConflict = IntegrityError
"""A constraint refused the change and no better reason is known: another change got in between."""


class RowMissing(Exception):
    """No row of this table has this id."""

    def __init__(self, table: str, row_id: object) -> None:
        super().__init__(f"{table} has no row {row_id}")
        self.table = table


class RowStale(Exception):
    """Somebody else edited the row since the version that this edit started from. current: as it is; edit: as it was wanted."""

    def __init__(self, table: str, current: Row, edit: Mapping[str, Any]) -> None:
        super().__init__(f"{table} {current['id']} is at version {current['version']}")
        self.table = table
        self.current = current
        self.edit = edit


class ValueTaken(Exception):
    """A column that must be unique has this value in another row."""

    def __init__(self, table: str, field: str) -> None:
        super().__init__(f"{table}.{field} is taken")
        self.table = table
        self.field = field


class RowInUse(Exception):
    """Other rows still refer to this one."""

    def __init__(self, table: str) -> None:
        super().__init__(f"{table}: other rows refer to it")
        self.table = table


def as_row(mapping: sa.RowMapping) -> Row:
    """A result's row with plain strings as keys: SQLAlchemy's are a kind of their own, which JSON encoders refuse."""
    return {str(name): value for name, value in mapping.items()}


async def fetch_row(connection: AsyncConnection, table: sa.Table, row_id: int, *, lock: bool = False) -> Row:
    """The row with this id; lock: no other transaction edits it until this one ends. Raises RowMissing."""
    query = sa.select(table).where(table.c.id == row_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise RowMissing(table.name, row_id)
    return as_row(row)


async def find_row(connection: AsyncConnection, query: sa.Select[Any]) -> Row | None:
    """The query's first row, or None."""
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else as_row(row)


async def fetch_rows(connection: AsyncConnection, query: sa.Select[Any]) -> list[Row]:
    """All rows of the query."""
    return [as_row(row) for row in (await connection.execute(query)).mappings()]


async def insert_row(connection: AsyncConnection, table: sa.Table, values: Row, *, unique: Sequence[str] = ()) -> Row:
    """Writes a new row and returns it with its id and defaults. Raises ValueTaken for one of the `unique` columns."""
    values = _stored(values)
    try:
        result = await connection.execute(sa.insert(table).values(values))
    except IntegrityError as error:
        await _blame(connection, table, values, unique, None, error)
        raise
    return await fetch_row(connection, table, new_id(result))


def new_id(result: sa.CursorResult[Any]) -> int:
    """The id that an INSERT of one row was given."""
    key = result.inserted_primary_key
    if key is None:
        raise TypeError("not the result of an insert")
    return int(key[0])


async def update_row(
    connection: AsyncConnection, table: sa.Table, before: Row, values: Mapping[str, Any], *, unique: Sequence[str] = ()
) -> Row:
    """Writes `values` over the locked row `before` and counts its version up. Raises ValueTaken."""
    after = before | _stored(values)
    if "version" in before:
        after["version"] = before["version"] + 1
    changed = {name: value for name, value in after.items() if before[name] != value}
    try:
        await connection.execute(sa.update(table).where(table.c.id == before["id"]).values(changed))
    except IntegrityError as error:
        await _blame(connection, table, changed, unique, before["id"], error)
        raise
    return after


async def edit_row(
    connection: AsyncConnection,
    table: sa.Table,
    row_id: int,
    version: int,
    values: Mapping[str, Any],
    *,
    unique: Sequence[str] = (),
) -> tuple[Row, Row]:
    """An operator's edit that started from `version`: the row before and after. Raises RowMissing, RowStale, ValueTaken."""
    before = await fetch_row(connection, table, row_id, lock=True)
    if before["version"] != version:
        raise RowStale(table.name, before, values)
    return before, await update_row(connection, table, before, values, unique=unique)


async def delete_row(connection: AsyncConnection, table: sa.Table, row_id: int) -> Row:
    """Deletes the row and returns what it was. Raises RowMissing, RowInUse."""
    before = await fetch_row(connection, table, row_id, lock=True)
    try:
        await connection.execute(sa.delete(table).where(table.c.id == row_id))
    except IntegrityError as error:
        raise RowInUse(table.name) from error
    return before


async def take_mutex(connection: AsyncConnection, name: str) -> None:
    """Waits until no other transaction holds this mutex; held until this one ends. SQLite has one writer at a time anyway."""
    await connection.execute(sa.select(mutex.c.name).where(mutex.c.name == name).with_for_update())


def _stored(values: Mapping[str, Any]) -> Row:
    # flags are smallints 0 and 1
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}


async def _blame(
    connection: AsyncConnection,
    table: sa.Table,
    values: Mapping[str, Any],
    unique: Sequence[str],
    own_id: int | None,
    error: IntegrityError,
) -> None:
    """Finds the column whose value another row has: the drivers' own texts differ and name indexes."""
    for field in unique:
        if field in values:
            others = sa.select(table.c.id).where(table.c[field] == values[field], table.c.id != (own_id or 0))
            if (await connection.execute(others)).first() is not None:
                raise ValueTaken(table.name, field) from error
