"""Apps together with the customer whose state stops them."""

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.tables.apis import app_api_grant
from admin_api.tables.apps import app_info, app_ip_allow, app_secret_history, customer, user_token
from admin_api.tables.listing import Filter, Listing, RowStream, contains, fetch_page
from admin_api.tables.rows import Row, RowMissing, find_row
from admin_api.tables.selection import Chosen, Selection, choose
from admin_api.tables.shapes import Id, Search
from openplatform.sql import AsyncConnection, Database

_APPS = sa.select(app_info, customer.c.username.label("customer_name"), customer.c.state.label("customer_state")).join(
    customer, customer.c.id == app_info.c.cus_id, isouter=True
)


class AppFilter(Filter):
    """q: in the company, the app's name or its app_key."""

    q: Search | None = None
    state: Annotated[int, Field(ge=0, le=1)] | None = None
    cus_id: Id | None = None


class AppListing(Listing, AppFilter):
    """A list of apps."""

    sort: Literal[
        "id", "-id", "corp_name", "-corp_name", "app_name", "-app_name", "app_key", "-app_key", "daily_limit", "-daily_limit",
        "state", "-state",
    ] = "-id"  # fmt: skip


async def list_apps(connection: AsyncConnection, listing: AppListing) -> tuple[list[Row], int]:
    """The page, with customer_name and customer_state, and the total."""
    query = _narrowed(_APPS, listing)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=app_info.c, tie=app_info.c.id)


def stream_apps(database: Database, found: AppFilter) -> RowStream:
    """All of them, with customer_name and customer_state."""
    return RowStream(database, _narrowed(_APPS, found), app_info.c.id)


async def choose_apps(connection: AsyncConnection, selection: Selection[AppFilter]) -> Chosen:
    """The selected apps, locked. Raises SelectionTooLarge, SelectionChanged."""
    found = selection.filter
    matching = None if found is None else _narrowed(sa.select(app_info.c.id), found)
    return await choose(connection, app_info, selection, matching)


async def fetch_app(connection: AsyncConnection, app_id: int) -> Row:
    """The app with customer_name and customer_state. Raises RowMissing."""
    row = await find_row(connection, _APPS.where(app_info.c.id == app_id))
    if row is None:
        raise RowMissing(app_info.name, app_id)
    return row


async def delete_belongings(connection: AsyncConnection, app_id: int) -> list[str]:
    """Deletes the app's secrets, addresses, grants and tokens; returns the tokens' hashes."""
    tokens = sa.select(user_token.c.access_token).where(user_token.c.app_id == app_id)
    hashes = (await connection.execute(tokens)).scalars().all()
    for table in (app_secret_history, app_ip_allow, app_api_grant, user_token):
        await connection.execute(sa.delete(table).where(table.c.app_id == app_id))
    return list(hashes)


def _narrowed(query: sa.Select[Any], found: AppFilter) -> sa.Select[Any]:
    if found.q is not None:
        query = query.where(contains(found.q, app_info.c.corp_name, app_info.c.app_name, app_info.c.app_key))
    if found.state is not None:
        query = query.where(app_info.c.state == found.state)
    if found.cus_id is not None:
        query = query.where(app_info.c.cus_id == found.cus_id)
    return query


async def find_app_by_key(connection: AsyncConnection, app_key: str) -> Row | None:
    """The app with customer_name and customer_state, None = no such app."""
    return await find_row(connection, _APPS.where(app_info.c.app_key == app_key))
