"""Lists of customers."""

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.tables.apps import customer
from admin_api.tables.listing import Listing, contains, fetch_page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Search
from openplatform.sql import AsyncConnection


class CustomerListing(Listing):
    """q: in the login name, nickname or address."""

    q: Search | None = None
    state: Annotated[int, Field(ge=0, le=1)] | None = None
    sort: Literal["id", "-id", "username", "-username", "money", "-money", "state", "-state"] = "-id"


async def list_customers(connection: AsyncConnection, listing: CustomerListing) -> tuple[list[Row], int]:
    """The page and the total."""
    query = sa.select(customer)
    if listing.q is not None:
        query = query.where(contains(listing.q, customer.c.username, customer.c.nickname, customer.c.address))
    if listing.state is not None:
        query = query.where(customer.c.state == listing.state)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=customer.c, tie=customer.c.id)


async def customer_exists(connection: AsyncConnection, customer_id: int) -> bool:
    """True if there is such a customer."""
    query = sa.select(customer.c.id).where(customer.c.id == customer_id)
    return (await connection.execute(query)).first() is not None
