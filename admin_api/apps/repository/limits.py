"""Limits of grants, and the address lists of all apps."""

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.tables.apis import app_api_grant, app_mapping
from admin_api.tables.apps import app_info, app_ip_allow
from admin_api.tables.listing import Listing, contains, fetch_page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id, Search
from openplatform.sql import AsyncConnection

_G = app_api_grant.c


class GrantLimitListing(Listing):
    """q: in the app's name or key, or the API's name."""

    q: Search | None = None
    app_id: Id | None = None
    sort: Literal["app_id", "-app_id", "gateway_api_name", "-gateway_api_name"] = "app_id"


class NetworkListing(Listing):
    """q: in the app's name or key, or the network as it is written."""

    q: Search | None = None
    size: Annotated[int, Field(ge=1, le=100, description="rows per page")] = 50
    sort: Literal["app_id", "-app_id", "cidr", "-cidr"] = "app_id"


async def list_limited_grants(connection: AsyncConnection, listing: GrantLimitListing) -> tuple[list[Row], int]:
    """The page of grants with a limit of their own, with app_key, app_name and gateway_api_name, and the total."""
    query = (
        sa.select(app_api_grant, app_info.c.app_key, app_info.c.app_name, app_mapping.c.gateway_api_name)
        .join(app_info, app_info.c.id == _G.app_id, isouter=True)
        .join(app_mapping, app_mapping.c.id == _G.mapping_id, isouter=True)
        .where(sa.or_(_G.daily_limit.is_not(None), _G.minute_limit.is_not(None)))
    )
    if listing.q is not None:
        query = query.where(
            contains(listing.q, app_info.c.app_name, app_info.c.app_key, app_mapping.c.gateway_api_name)
        )
    if listing.app_id is not None:
        query = query.where(_G.app_id == listing.app_id)
    columns = {"app_id": _G.app_id, "gateway_api_name": app_mapping.c.gateway_api_name}
    tie = _G.mapping_id if listing.sort.endswith("app_id") else _G.app_id
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=columns, tie=tie)


async def list_networks(connection: AsyncConnection, listing: NetworkListing) -> tuple[list[Row], int]:
    """The page of networks that apps may call from, with app_key and app_name, and the total."""
    n = app_ip_allow.c
    query = sa.select(app_ip_allow, app_info.c.app_key, app_info.c.app_name).join(
        app_info, app_info.c.id == n.app_id, isouter=True
    )
    if listing.q is not None:
        query = query.where(contains(listing.q, app_info.c.app_name, app_info.c.app_key, n.cidr))
    columns = {"app_id": n.app_id, "cidr": n.cidr}
    tie = n.cidr if listing.sort.endswith("app_id") else n.app_id
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=columns, tie=tie)
