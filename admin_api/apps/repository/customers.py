"""Lists of customers."""

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.tables.apps import customer
from admin_api.tables.listing import Filter, Listing, RowStream, contains, fetch_page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Search
from openplatform.sql import AsyncConnection, Database


class CustomerFilter(Filter):
    """q: in the login name, nickname or address."""

    q: Search | None = None
    state: Annotated[int, Field(ge=0, le=1)] | None = None


class CustomerListing(Listing, CustomerFilter):
    """A list of customers."""

    sort: Literal["id", "-id", "username", "-username", "money", "-money", "state", "-state"] = "-id"


async def list_customers(connection: AsyncConnection, listing: CustomerListing) -> tuple[list[Row], int]:
    """The page and the total."""
    return await fetch_page(
        connection, _narrowed(listing), listing, sort=listing.sort, columns=customer.c, tie=customer.c.id
    )


def stream_customers(database: Database, found: CustomerFilter) -> RowStream:
    """All of them."""
    return RowStream(database, _narrowed(found), customer.c.id)


async def customer_exists(connection: AsyncConnection, customer_id: int) -> bool:
    """True if there is such a customer."""
    query = sa.select(customer.c.id).where(customer.c.id == customer_id)
    return (await connection.execute(query)).first() is not None


def _narrowed(found: CustomerFilter) -> sa.Select[Any]:
    query: sa.Select[Any] = sa.select(customer)
    if found.q is not None:
        query = query.where(contains(found.q, customer.c.username, customer.c.nickname, customer.c.address))
    if found.state is not None:
        query = query.where(customer.c.state == found.state)
    return query
