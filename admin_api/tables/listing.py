"""How every list of the API pages, sorts and counts."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from admin_api.tables.rows import Row, fetch_rows
from openplatform.sql import AsyncConnection, Database

V = TypeVar("V")

MAX_PAGE = 100_000


class Filter(BaseModel):
    """What narrows a list, an export or a selection of rows; a list adds its conditions."""

    model_config = ConfigDict(extra="forbid")


class Listing(BaseModel):
    """What a caller may ask of a list. A list adds its filters, and the columns it sorts by as `sort: Literal[…]`."""

    model_config = ConfigDict(extra="forbid")

    page: Annotated[int, Field(ge=1, le=MAX_PAGE, description="from 1")] = 1
    size: Annotated[int, Field(ge=1, le=100, description="rows per page")] = 20


class Page(BaseModel, Generic[V]):
    """One page of a list, and how many rows there are in all."""

    items: list[V]
    total: int
    page: int
    size: int


async def fetch_page(
    connection: AsyncConnection,
    query: sa.Select[Any],
    listing: Listing,
    *,
    sort: str,
    columns: Mapping[str, sa.ColumnElement[Any]] | sa.ColumnCollection[Any, Any],
    tie: sa.Column[Any],
) -> tuple[list[Row], int]:
    """The page's rows and the total.

    sort: a name of `columns`, `-` before it for descending; tie: a unique column, so that no row is on two pages.
    A table that only lends its columns is joined from outside (isouter): the server then sorts and counts before it joins.
    """
    total = await _count(connection, query)
    column = columns[sort.removeprefix("-")]
    order = (column.desc(), tie.desc()) if sort.startswith("-") else (column.asc(), tie.asc())
    ordered = query.order_by(*order)
    page = ordered.limit(listing.size).offset((listing.page - 1) * listing.size)
    if len(tie.table.primary_key.columns) == 1:  # the ids first: nothing that is wide or joined is sorted or skipped
        ids = (await connection.execute(page.with_only_columns(tie, maintain_column_froms=True))).scalars().all()
        page = ordered.where(tie.in_(ids))
    return await fetch_rows(connection, page), total


class RowStream:
    """A query's rows in the order of their ids, chunk by chunk: each is a read of its own, so that none lasts long.

    key: the unique id column; label: its name in the rows.
    """

    def __init__(
        self,
        database: Database,
        query: sa.Select[Any],
        key: sa.ColumnElement[int],
        *,
        label: str = "id",
        chunk: int = 1000,
    ) -> None:
        self._database = database
        self._query = query.order_by(None)
        self._key = key
        self._label = label
        self._chunk = chunk

    async def count(self) -> int:
        """How many rows there are now."""
        async with self._database.read() as connection:
            return await _count(connection, self._query)

    async def chunks(self) -> AsyncIterator[list[Row]]:
        """All rows, as they are when their turn comes."""
        last = 0
        while True:
            after = self._query.where(self._key > last).order_by(self._key).limit(self._chunk)
            async with self._database.read() as connection:
                rows = await fetch_rows(connection, after)
            if rows:
                yield rows
                last = rows[-1][self._label]
            if len(rows) < self._chunk:
                return


async def _count(connection: AsyncConnection, query: sa.Select[Any]) -> int:
    counted = query.order_by(None).with_only_columns(sa.func.count(), maintain_column_froms=True)
    return int((await connection.execute(counted)).scalar_one())


def contains(text: str, *columns: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """True where one of the columns has the text in it, as it is written: `%` and `_` are no wildcards."""
    return sa.or_(*(column.contains(text, autoescape=True) for column in columns))
