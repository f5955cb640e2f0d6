"""Whom a form or a filter lets one choose: customers by name."""

from admin_api.apps.repository.customers import CustomerListing, list_customers
from openplatform.sql import AsyncConnection


async def customers_to_choose(connection: AsyncConnection) -> list[tuple[int, str]]:
    """(id, name) of the newest hundred customers, by name: more would be no choice."""
    rows, _ = await list_customers(connection, CustomerListing(size=100))
    named = [(row["id"], f"{row['nickname'] or row['username']} ({row['username']})") for row in rows]
    return sorted(named, key=lambda one: one[1])
