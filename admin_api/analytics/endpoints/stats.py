"""/stats: figures by API, app, merchant, error code, and over time."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from admin_api.analytics.endpoints.download import download_headers
from admin_api.analytics.service.conditions import StatsSearch
from admin_api.analytics.service.export import csv_of_stats
from admin_api.analytics.service.search import Analytics
from admin_api.exports import CSV_ANSWER
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.shapes import View
from openplatform.csv_lines import MEDIA_TYPE as CSV
from openplatform.records import StatsTable


class StatsRow(View):
    """One group of calls; times in ms. key: API, app_key, vender_id ("" = none), error code, or an interval's beginning in epoch ms;
    name: the app's, of an app; limited: calls that a limit refused; mean_service_ms: null when no call reached a service."""

    key: str
    name: str = ""
    calls: int
    errors: int
    limited: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    mean_service_ms: float | None


class StatsRows(View):
    """At most 1,000 rows, those with the most calls; others: calls of the groups beyond."""

    items: list[StatsRow]
    others: int


def stats_routes(analytics: Analytics, zone: ZoneInfo) -> APIRouter:
    """The routes of statistics."""
    router = APIRouter(route_class=GuardedRoute, tags=["API统计"])

    def keys(asked: StatsSearch, table: StatsTable) -> list[str]:
        return [row.key for row in table.stats] if asked.by == "app" else []

    @router.get("/stats", openapi_extra=needs("stat:view"))
    async def statistics(asked: Annotated[StatsSearch, Query()]) -> StatsRows:
        table = await analytics.stats(asked)
        names = await analytics.app_names_if_known(keys(asked, table))
        rows = [StatsRow(**msgspec.structs.asdict(row), name=names.get(row.key, "")) for row in table.stats]
        return StatsRows(items=rows, others=table.others)

    @router.get("/stats/export", openapi_extra=needs("stat:view"), **CSV_ANSWER)
    async def export_statistics(asked: Annotated[StatsSearch, Query()]) -> Response:
        table = await analytics.stats(asked)
        names = await analytics.app_names(keys(asked, table))
        began = datetime.fromtimestamp(asked.from_ms / 1000, zone)
        file = csv_of_stats(table.stats, asked.by, names, zone)
        return Response(file, media_type=CSV, headers=download_headers(f"statistics-by-{asked.by}", began, "csv"))

    return router
