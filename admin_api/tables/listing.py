"""How every list of the API pages, sorts and counts."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from admin_api.tables.rows import Row, as_row
from openplatform.sql import AsyncConnection

V = TypeVar("V")

MAX_PAGE = 100_000


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
    tie: sa.ColumnElement[Any],
) -> tuple[list[Row], int]:
    """The page's rows and the total.

    sort: a name of `columns`, `-` before it for descending; tie: a unique column, so that no row is on two pages.
    """
    total = (
        await connection.execute(sa.select(sa.func.count()).select_from(query.order_by(None).subquery()))
    ).scalar_one()
    column = columns[sort.removeprefix("-")]
    order = (column.desc(), tie.desc()) if sort.startswith("-") else (column.asc(), tie.asc())
    rows = await connection.execute(
        query.order_by(*order).limit(listing.size).offset((listing.page - 1) * listing.size)
    )
    return [as_row(row) for row in rows.mappings()], total


def contains(text: str, *columns: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """True where one of the columns has the text in it, as it is written: `%` and `_` are no wildcards."""
    return sa.or_(*(column.contains(text, autoescape=True) for column in columns))
