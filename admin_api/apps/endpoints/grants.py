"""/apps/{id}/grants and /apps/{id}/networks: which APIs an app may call, and from where."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.apps.repository.grants import GrantListing, allowed_networks, find_grant, list_grants
from admin_api.apps.service.grants import (
    AllowedNetworks,
    GrantPut,
    Grants,
    allow_networks,
    grant_many,
    put_grant,
    revoke_grant,
)
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.apis import app_api_grant
from admin_api.tables.apps import app_info
from admin_api.tables.listing import Page
from admin_api.tables.rows import RowMissing, fetch_row
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


class GrantView(View):
    """A grant, and of its API the name, whether it is available (state) and whether it would need no grant (is_open)."""

    app_id: int
    mapping_id: int
    gateway_api_name: str
    state: int
    is_open: bool
    daily_limit: int | None
    minute_limit: int | None
    data_scope: str
    version: int


class Granted(View):
    """Item by item: granted now, granted before (on the terms of then), and ids that name no API."""

    granted: list[int]
    kept: list[int]
    missing: list[int]


class NetworksView(View):
    """cidrs: where the app's calls may come from, empty = anywhere; version: the app's."""

    cidrs: list[str]
    version: int


def grant_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of grants and allowed networks."""
    router = APIRouter(prefix="/apps/{app_id}", tags=["应用管理"], route_class=GuardedRoute)

    @router.get("/grants", openapi_extra=needs("gw:app:query"))
    async def get_grants(app_id: Id, listing: Annotated[GrantListing, Query()]) -> Page[GrantView]:
        async with database.read() as connection:
            await fetch_row(connection, app_info, app_id)
            rows, total = await list_grants(connection, app_id, listing)
        items = [GrantView.of(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("/grants", openapi_extra=needs("gw:app:grant"))
    async def grant_several(app_id: Id, grants: Grants, desk: AtDesk) -> Granted:
        granted, kept, missing = await desk.change(lambda change: grant_many(change, app_id, grants))
        return Granted(granted=granted, kept=kept, missing=missing)

    @router.get("/grants/{mapping_id}", openapi_extra=needs("gw:app:query"))
    async def get_grant(app_id: Id, mapping_id: Id) -> GrantView:
        async with database.read() as connection:
            row = await find_grant(connection, app_id, mapping_id)
        if row is None:
            raise RowMissing(app_api_grant.name, mapping_id)
        return GrantView.of(row, zone)

    @router.put("/grants/{mapping_id}", openapi_extra=needs("gw:app:grant"))
    async def change_grant(app_id: Id, mapping_id: Id, put: GrantPut, desk: AtDesk) -> GrantView:
        row = await desk.change(lambda change: put_grant(change, app_id, mapping_id, put))
        return GrantView.of(row, zone)

    @router.delete("/grants/{mapping_id}", status_code=204, openapi_extra=needs("gw:app:grant"))
    async def remove_grant(app_id: Id, mapping_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: revoke_grant(change, app_id, mapping_id))

    @router.get("/networks", openapi_extra=needs("gw:app:query"))
    async def get_networks(app_id: Id) -> NetworksView:
        async with database.read() as connection:
            app = await fetch_row(connection, app_info, app_id)
            return NetworksView(cidrs=await allowed_networks(connection, app_id), version=app["version"])

    @router.put("/networks", openapi_extra=needs("gw:app:grant"))
    async def change_networks(app_id: Id, allowed: AllowedNetworks, desk: AtDesk) -> NetworksView:
        app, cidrs = await desk.change(lambda change: allow_networks(change, app_id, allowed))
        return NetworksView(cidrs=list(cidrs), version=app["version"])

    return router
