"""/limits/apis: what all apps together may call of an API, and how much of it is used."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.apis.repository import MappingListing, list_mappings
from admin_api.apis.service.mappings import Limit, MappingEdit, edit_mapping
from admin_api.outbox.changes import Changes
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.gauges import Gauge, day_gauge, minute_gauge
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import UNSET, Edit, Id, View
from openplatform.errors import PlatformUnavailable
from openplatform.ports import QuotaCounter
from openplatform.records import QuotaUse


class ApiLimitView(View):
    """An API's limits over all apps, null = none; calls are counted only where there is one. version: the mapping's."""

    mapping_id: int
    gateway_api_name: str
    state: int
    limit_per_second: int | None
    day: Gauge
    minute: Gauge
    version: int


class ApiLimitEdit(Edit):
    """null = no such limit; version: the mapping's."""

    limit_per_second: Limit | None = UNSET
    limit_per_minute: Limit | None = UNSET
    limit_per_day: Limit | None = UNSET


def api_limit_routes(changes: Changes, quota: QuotaCounter, zone: ZoneInfo) -> APIRouter:
    """The routes of APIs' limits."""
    router = APIRouter(prefix="/limits", tags=["限流策略"], route_class=GuardedRoute)

    async def shown(rows: Sequence[Row]) -> list[ApiLimitView]:
        uses: Sequence[QuotaUse | None] = [None] * len(rows)
        with suppress(PlatformUnavailable):
            uses = await quota.used_of([row["gateway_api_name"] for row in rows])
        now = changes.now().astimezone(zone)
        return [
            ApiLimitView.of(
                row
                | {
                    "mapping_id": row["id"],
                    "day": day_gauge(row["limit_per_day"], use, now),
                    "minute": minute_gauge(row["limit_per_minute"], use),
                },
                zone,
            )
            for row, use in zip(rows, uses, strict=True)
        ]

    @router.get("/apis", openapi_extra=needs("gw:limit:list"))
    async def list_api_limits(listing: Annotated[MappingListing, Query()]) -> Page[ApiLimitView]:
        async with changes.database.read() as connection:
            rows, total = await list_mappings(connection, listing)
        return Page(items=await shown(rows), total=total, page=listing.page, size=listing.size)

    @router.patch("/apis/{mapping_id}", openapi_extra=needs("gw:limit:edit"))
    async def change_api_limits(mapping_id: Id, edit: ApiLimitEdit, desk: AtDesk) -> ApiLimitView:
        whole = MappingEdit(**edit.model_dump(exclude_unset=True))
        return (await shown([await desk.change(lambda change: edit_mapping(change, mapping_id, whole))]))[0]

    return router
