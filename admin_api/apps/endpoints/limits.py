"""/limits/apps, /limits/grants, /limits/networks: what apps may call, how much of it is used, and from where they may."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.apps.repository.apps import AppListing, fetch_app, list_apps
from admin_api.apps.repository.limits import GrantLimitListing, NetworkListing, list_limited_grants, list_networks
from admin_api.apps.service.apps import AppEdit, edit_app
from admin_api.outbox.changes import Changes
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.gauges import Gauge, day_gauge, minute_gauge
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import UNSET, Count, Edit, Id, View
from openplatform.errors import PlatformUnavailable
from openplatform.ports import QuotaCounter
from openplatform.records import QuotaUse


class AppLimitView(View):
    """minute.limit null: the platform's default counts. version: the app's."""

    app_id: int
    app_key: str
    app_name: str
    corp_name: str
    state: int
    day: Gauge
    minute: Gauge
    version: int


class AppLimitEdit(Edit):
    """minute_limit: null = the platform's default; version: the app's."""

    daily_limit: Count = UNSET
    minute_limit: Count | None = UNSET


class GrantLimitView(View):
    """What one app may call of one API. version: the grant's."""

    app_id: int
    app_key: str
    app_name: str
    mapping_id: int
    gateway_api_name: str
    day: Gauge
    minute: Gauge
    version: int


class NetworkView(View):
    """A network that an app may call from; an app without any may call from everywhere."""

    app_id: int
    app_key: str
    app_name: str
    cidr: str


def app_limit_routes(changes: Changes, quota: QuotaCounter, zone: ZoneInfo) -> APIRouter:
    """The routes of apps' limits. Counters that cannot be read are null; the lists are of use without them."""
    router = APIRouter(prefix="/limits", tags=["限流策略"], route_class=GuardedRoute)
    database = changes.database

    async def shown(rows: Sequence[Row]) -> list[AppLimitView]:
        uses: Sequence[QuotaUse | None] = [None] * len(rows)
        with suppress(PlatformUnavailable):
            uses = await quota.used([row["app_key"] for row in rows])
        now = changes.now().astimezone(zone)
        return [
            AppLimitView.of(
                row
                | {
                    "app_id": row["id"],
                    "day": day_gauge(row["daily_limit"], use, now),
                    "minute": minute_gauge(row["minute_limit"], use),
                },
                zone,
            )
            for row, use in zip(rows, uses, strict=True)
        ]

    @router.get("/apps", openapi_extra=needs("gw:limit:list"))
    async def list_app_limits(listing: Annotated[AppListing, Query()]) -> Page[AppLimitView]:
        async with database.read() as connection:
            rows, total = await list_apps(connection, listing)
        return Page(items=await shown(rows), total=total, page=listing.page, size=listing.size)

    @router.patch("/apps/{app_id}", openapi_extra=needs("gw:limit:edit"))
    async def change_app_limits(app_id: Id, edit: AppLimitEdit, desk: AtDesk) -> AppLimitView:
        whole = AppEdit(**edit.model_dump(exclude_unset=True))
        await desk.change(lambda change: edit_app(change, app_id, whole))
        async with database.read() as connection:
            row = await fetch_app(connection, app_id)
        return (await shown([row]))[0]

    @router.get("/grants", openapi_extra=needs("gw:limit:list"))
    async def list_grant_limits(listing: Annotated[GrantLimitListing, Query()]) -> Page[GrantLimitView]:
        async with database.read() as connection:
            rows, total = await list_limited_grants(connection, listing)
        uses: Sequence[QuotaUse | None] = [None] * len(rows)
        with suppress(PlatformUnavailable):
            uses = await quota.used_at([(row["app_key"], row["gateway_api_name"]) for row in rows])
        now = changes.now().astimezone(zone)
        items = []
        for row, use in zip(rows, uses, strict=True):
            gauges = {"day": day_gauge(row["daily_limit"], use, now), "minute": minute_gauge(row["minute_limit"], use)}
            items.append(GrantLimitView.of(row | gauges, zone))
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.get("/networks", openapi_extra=needs("gw:limit:list"))
    async def list_all_networks(listing: Annotated[NetworkListing, Query()]) -> Page[NetworkView]:
        async with database.read() as connection:
            rows, total = await list_networks(connection, listing)
        items = [NetworkView.of(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    return router
