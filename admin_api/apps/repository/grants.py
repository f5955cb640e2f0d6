"""Which APIs an app may call, and from where."""

from collections.abc import Iterable, Sequence
from typing import Literal

import sqlalchemy as sa

from admin_api.tables.apis import app_api_grant, app_mapping
from admin_api.tables.apps import app_ip_allow
from admin_api.tables.listing import Listing, contains, fetch_page
from admin_api.tables.rows import Row, fetch_rows, find_row
from admin_api.tables.shapes import Search
from openplatform.sql import AsyncConnection

_G = app_api_grant.c
_GRANTS = sa.select(app_api_grant, app_mapping.c.gateway_api_name, app_mapping.c.state, app_mapping.c.is_open).join(
    app_mapping, app_mapping.c.id == _G.mapping_id
)


class GrantListing(Listing):
    """q: in the API's name."""

    q: Search | None = None
    sort: Literal["gateway_api_name", "-gateway_api_name"] = "gateway_api_name"


async def list_grants(connection: AsyncConnection, app_id: int, listing: GrantListing) -> tuple[list[Row], int]:
    """The page of the app's grants, with gateway_api_name, state and is_open of their APIs, and the total."""
    query = _GRANTS.where(_G.app_id == app_id)
    if listing.q is not None:
        query = query.where(contains(listing.q, app_mapping.c.gateway_api_name))
    columns = {"gateway_api_name": app_mapping.c.gateway_api_name}
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=columns, tie=_G.mapping_id)


async def find_grant(connection: AsyncConnection, app_id: int, mapping_id: int) -> Row | None:
    """The grant as `list_grants` shows it, None when there is none. Who edits it locks the app's row first."""
    return await find_row(connection, _GRANTS.where(_G.app_id == app_id, _G.mapping_id == mapping_id))


async def existing_mappings(connection: AsyncConnection, ids: Sequence[int]) -> set[int]:
    """Which of these API mappings there are."""
    found = await connection.execute(sa.select(app_mapping.c.id).where(app_mapping.c.id.in_(ids)))
    return set(found.scalars())


async def granted_mappings(connection: AsyncConnection, app_id: int, ids: Sequence[int]) -> set[int]:
    """Which of these API mappings the app holds a grant for."""
    found = await connection.execute(sa.select(_G.mapping_id).where(_G.app_id == app_id, _G.mapping_id.in_(ids)))
    return set(found.scalars())


async def add_grants(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """New grants: app_id, mapping_id, daily_limit, minute_limit, data_scope."""
    await connection.execute(sa.insert(app_api_grant), rows)


async def change_grant(connection: AsyncConnection, app_id: int, mapping_id: int, values: Row) -> None:
    """Writes over a grant."""
    of_grant = (_G.app_id == app_id, _G.mapping_id == mapping_id)
    await connection.execute(sa.update(app_api_grant).where(*of_grant).values(values))


async def remove_grant(connection: AsyncConnection, app_id: int, mapping_id: int) -> None:
    """Deletes one."""
    await connection.execute(sa.delete(app_api_grant).where(_G.app_id == app_id, _G.mapping_id == mapping_id))


async def allowed_networks(connection: AsyncConnection, app_id: int) -> list[str]:
    """The app's list of networks as it was written, in the order of text."""
    query = sa.select(app_ip_allow.c.cidr).where(app_ip_allow.c.app_id == app_id).order_by(app_ip_allow.c.cidr)
    return [row["cidr"] for row in await fetch_rows(connection, query)]


async def replace_networks(connection: AsyncConnection, app_id: int, cidrs: Iterable[str]) -> None:
    """Makes these the app's networks."""
    await connection.execute(sa.delete(app_ip_allow).where(app_ip_allow.c.app_id == app_id))
    rows = [{"app_id": app_id, "cidr": cidr} for cidr in cidrs]
    if rows:
        await connection.execute(sa.insert(app_ip_allow), rows)


async def find_api(connection: AsyncConnection, api_name: str) -> Row | None:
    """id, state, is_open and need_session of the API of this name."""
    m = app_mapping.c
    query = sa.select(m.id, m.state, m.is_open, m.need_session).where(m.gateway_api_name == api_name)
    return await find_row(connection, query)


async def holds_grant(connection: AsyncConnection, app_id: int, mapping_id: int) -> bool:
    """Whether the app was granted the API."""
    return await find_grant(connection, app_id, mapping_id) is not None
