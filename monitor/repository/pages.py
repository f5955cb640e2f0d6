"""One page of a table whose rows have ids."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from openplatform.sql import Database


async def page_of(
    database: Database,
    table: sa.Table,
    conditions: Sequence[sa.ColumnElement[bool]],
    *order: sa.ColumnElement[Any],
    page_no: int,
    page_size: int,
) -> tuple[int, Sequence[sa.Row[Any]]]:
    """(how many rows fit the conditions, one page of them). order: ends with the id, so that no row is on two pages.

    The ids come first: of rows that are skipped nothing is read that is not in an index.
    """
    ids = sa.select(table.c.id).where(*conditions).order_by(*order)
    async with database.read() as connection:
        total = await connection.execute(sa.select(sa.func.count()).select_from(table).where(*conditions))
        found = await connection.execute(ids.limit(page_size).offset((page_no - 1) * page_size))
        wanted = table.c.id.in_(found.scalars().all())
        rows = await connection.execute(sa.select(table).where(wanted).order_by(*order))
        return int(total.scalar_one()), rows.all()
