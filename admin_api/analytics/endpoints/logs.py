"""/logs: search, histogram, one call and its neighbours, export."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Query
from pydantic import ConfigDict
from starlette.responses import Response

from admin_api.analytics.endpoints.download import FileStream, download_headers
from admin_api.analytics.service.conditions import LogConditions, LogSearch
from admin_api.analytics.service.export import csv_of_logs
from admin_api.analytics.service.search import Analytics
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.shapes import Search, View
from openplatform.csv_lines import MEDIA_TYPE as CSV
from openplatform.ports import Clock
from openplatform.records import CallLog

_NDJSON = "application/x-ndjson"


class LogRow(View):
    """A call's record, the names as they are stored. receiveTime, createTime: epoch ms; app_name: "" when the app is gone, or the database
    that knows it does not answer.
    highlight: HTML-escaped content with `<em>` around matches, null without keywords."""

    model_config = ConfigDict(extra="allow")

    requestId: str  # noqa: N815
    appkey: str
    app_name: str
    apiName: str  # noqa: N815
    venderId: int | None  # noqa: N815
    remoteIp: str  # noqa: N815
    errorCode: str  # noqa: N815
    platformRepTime: int  # noqa: N815
    receiveTime: int  # noqa: N815
    requestContent: str  # noqa: N815
    highlight: str | None = None


class LogRows(View):
    """total counts to 10,000; total_is_capped: there are more. cursor: for the next page, null = this was the last. is_partial: time
    ran out, there may be more; indexed_to_ms: calls received before can be found, null = not known now."""

    items: list[LogRow]
    total: int
    total_is_capped: bool
    cursor: str | None
    is_partial: bool
    indexed_to_ms: int | None


class Bar(View):
    """An interval that begins at start_ms."""

    start_ms: int
    calls: int
    errors: int


class Bars(View):
    """At most 60 intervals, oldest first; is_partial: time ran out, there may be more calls."""

    interval_ms: int
    buckets: list[Bar]
    is_partial: bool


class LogExport(LogConditions):
    """csv: for spreadsheets; ndjson: a record per line as it is stored."""

    format: Literal["csv", "ndjson"] = "csv"


def log_routes(analytics: Analytics, clock: Clock, zone: ZoneInfo) -> APIRouter:
    """The routes of call logs."""
    router = APIRouter(route_class=GuardedRoute, tags=["日志搜索"])

    @router.get("/logs", openapi_extra=needs("log:search"))
    async def search_logs(search: Annotated[LogSearch, Query()]) -> LogRows:
        page = await analytics.search(search)
        names = await analytics.app_names_if_known([hit.log.appkey for hit in page.hits])
        rest = {name: getattr(page, name) for name in LogRows.model_fields if name != "items"}
        return LogRows(items=[_row(hit.log, names, hit.highlight) for hit in page.hits], **rest)

    @router.get("/logs/histogram", openapi_extra=needs("log:search"))
    async def count_logs_over_time(asked: Annotated[LogConditions, Query()]) -> Bars:
        return Bars.model_validate(msgspec.to_builtins(await analytics.histogram(asked)))

    @router.get("/logs/export", openapi_extra=needs("log:export"), response_class=Response, responses=_FILES)
    async def export_logs(asked: Annotated[LogExport, Query()]) -> Response:
        media_type = CSV if asked.format == "csv" else _NDJSON

        @asynccontextmanager
        async def opened() -> AsyncIterator[tuple[int, AsyncIterator[bytes | str]]]:
            async with analytics.export(asked) as (total, chunks):
                yield total, csv_of_logs(chunks, analytics, zone) if asked.format == "csv" else chunks

        began = datetime.fromtimestamp(asked.from_ms / 1000, zone)
        return FileStream(opened, media_type, download_headers("call-logs", began, asked.format))

    @router.get("/logs/{request_id}", openapi_extra=needs("log:view"))
    async def get_log(request_id: Search) -> LogRow:
        hit = await analytics.find_recent(request_id, now=clock.now())
        return _row(hit.log, await analytics.app_names_if_known([hit.log.appkey]))

    @router.get("/logs/{request_id}/neighbours", openapi_extra=needs("log:view"))
    async def neighbours_of_log(request_id: Search) -> list[LogRow]:
        """The nearest calls of the same app, at most 25 in the minute before and 25 in the one after; the call itself too."""
        hit = await analytics.find_recent(request_id, now=clock.now())
        names = await analytics.app_names_if_known([hit.log.appkey])
        return [_row(log, names) for log in await analytics.neighbours(hit.log)]

    return router


_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; X-Total-Count is its number of records.",
        "content": {"text/csv": {}, _NDJSON: {}},
    }
}


def _row(log: CallLog, names: dict[str, str], highlight: str | None = None) -> LogRow:
    record: dict[str, Any] = msgspec.structs.asdict(log)
    return LogRow(**record, app_name=names.get(log.appkey, ""), highlight=highlight)
