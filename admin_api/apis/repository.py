"""Lists of API mappings and system parameters."""

import json
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.security.repository import last_changes
from admin_api.tables.apis import api_systemparam, app_api_grant, app_mapping
from admin_api.tables.apps import app_info
from admin_api.tables.listing import Filter, Listing, RowStream, contains, fetch_page
from admin_api.tables.rows import Row, fetch_row, fetch_rows
from admin_api.tables.selection import Chosen, Selection, choose
from admin_api.tables.shapes import Note50, Search
from openplatform.sql import AsyncConnection, Database


class MappingFilter(Filter):
    """q: in the API's name, its path, its service or its description."""

    q: Search | None = None
    state: Annotated[int, Field(ge=0, le=1)] | None = None
    service_id: Search | None = None
    api_group: Note50 | None = None


class MappingListing(Listing, MappingFilter):
    """A list of API mappings."""

    sort: Literal[
        "id", "-id", "gateway_api_name", "-gateway_api_name", "service_id", "-service_id", "state", "-state"
    ] = "gateway_api_name"


class ParamListing(Listing):
    """q: in the name or the description."""

    q: Search | None = None
    state: Annotated[int, Field(ge=0, le=1)] | None = None
    sort: Literal["id", "-id", "name", "-name", "state", "-state"] = "id"


async def list_mappings(connection: AsyncConnection, listing: MappingListing) -> tuple[list[Row], int]:
    """The page and the total."""
    m = app_mapping.c
    query = _narrowed(sa.select(app_mapping), listing)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=m, tie=m.id)


def stream_mappings(database: Database, found: MappingFilter) -> RowStream:
    """All of them."""
    return RowStream(database, _narrowed(sa.select(app_mapping), found), app_mapping.c.id)


async def choose_mappings(connection: AsyncConnection, selection: Selection[MappingFilter]) -> Chosen:
    """The selected API mappings, locked. Raises SelectionTooLarge, SelectionChanged."""
    found = selection.filter
    matching = None if found is None else _narrowed(sa.select(app_mapping.c.id), found)
    return await choose(connection, app_mapping, selection, matching)


async def all_mappings(connection: AsyncConnection, *, lock: bool = False) -> list[Row]:
    """The whole route table by name; lock: nobody else changes a row of it until the transaction ends."""
    query = sa.select(app_mapping).order_by(app_mapping.c.gateway_api_name)
    return await fetch_rows(connection, query.with_for_update() if lock else query)


async def list_params(connection: AsyncConnection, listing: ParamListing) -> tuple[list[Row], int]:
    """The page and the total, the rows as `fetch_param` has them."""
    p = api_systemparam.c
    query = sa.select(api_systemparam)
    if listing.q is not None:
        query = query.where(contains(listing.q, p.name, p.description))
    if listing.state is not None:
        query = query.where(p.state == listing.state)
    rows, total = await fetch_page(connection, query, listing, sort=listing.sort, columns=p, tie=p.id)
    return await _with_changes(connection, rows), total


async def fetch_param(connection: AsyncConnection, param_id: int) -> Row:
    """The row, its choices as a list, with changed_by ("" = nobody since the platform was made) and changed_at. Raises RowMissing."""
    return (await _with_changes(connection, [await fetch_row(connection, api_systemparam, param_id)]))[0]


async def _with_changes(connection: AsyncConnection, rows: list[Row]) -> list[Row]:
    changes = await last_changes(connection, api_systemparam.name, [row["id"] for row in rows])
    nobody = {"who": "", "create_time": None}
    for row in rows:
        change = changes.get(row["id"], nobody)
        row |= {
            "choices": json.loads(row["choices"] or "[]"),
            "changed_by": change["who"],
            "changed_at": change["create_time"],
        }
    return rows


async def drop_grants(connection: AsyncConnection, mapping_id: int) -> list[int]:
    """Deletes all grants for this API; returns the ids of the apps that held one."""
    of_mapping = app_api_grant.c.mapping_id == mapping_id
    apps = sa.select(app_api_grant.c.app_id).where(of_mapping).order_by(app_api_grant.c.app_id).with_for_update()
    app_ids = list((await connection.execute(apps)).scalars())
    await connection.execute(sa.delete(app_api_grant).where(of_mapping))
    return app_ids


def _narrowed(query: sa.Select[Any], found: MappingFilter) -> sa.Select[Any]:
    m = app_mapping.c
    if found.q is not None:
        query = query.where(contains(found.q, m.gateway_api_name, m.inside_api_url, m.service_id, m.description))
    for name in ("state", "service_id", "api_group"):
        if (wanted := getattr(found, name)) is not None:
            query = query.where(m[name] == wanted)
    return query


async def mapping_named(connection: AsyncConnection, api_name: str) -> bool:
    """Whether there is an API of this name."""
    query = sa.select(app_mapping.c.id).where(app_mapping.c.gateway_api_name == api_name)
    return (await connection.execute(query)).first() is not None


async def apps_with_grant(connection: AsyncConnection, mapping_id: int) -> int:
    """How many apps hold a grant for the API."""
    query = sa.select(sa.func.count()).where(app_api_grant.c.mapping_id == mapping_id)
    return int((await connection.execute(query)).scalar_one())


async def apps_without_grant(connection: AsyncConnection, mapping_id: int) -> int:
    """How many enabled apps hold none."""
    holders = sa.select(app_api_grant.c.app_id).where(app_api_grant.c.mapping_id == mapping_id)
    query = sa.select(sa.func.count()).where(app_info.c.state == 1, app_info.c.id.not_in(holders))
    return int((await connection.execute(query)).scalar_one())
