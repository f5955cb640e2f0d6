"""/stats: figures of calls by API, app, merchant, error code, and over time."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.analytics.service.conditions import StatsSearch
from admin_api.console.catalogues import N_
from admin_api.console.frame import PageRoute
from admin_api.console.log_filters import PRESETS, LogFilters, labels_of, read_filters, zone_of
from admin_api.console.parts import Parts
from admin_api.console.views import View
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from openplatform.records import CallStats

PATH = "/stats"
DIMENSIONS = {
    "api": N_("API"),
    "app": N_("App"),
    "vender": N_("Merchant"),
    "error": N_("Error code"),
    "time": N_("Time"),
}
COLUMNS = {
    "calls": N_("Calls"),
    "error_rate": N_("Error rate"),
    "limited": N_("Limited"),
    "mean_ms": N_("Mean ms"),
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
    "max_ms": N_("Most ms"),
    "mean_service_ms": N_("Service ms"),
}
_CHARTED = 10
"""Bars of the chart beside the table."""
_DAY_MS = 86_400_000
_HIGH = {"error_rate": "red", "limited": "orange", "calls": "blue"}
_CALLS, _ERRORS = N_("Calls"), N_("Errors")
_MEAN = N_("Mean")


def stats_pages(parts: Parts) -> APIRouter:
    """The page of statistics and its parts."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, analytics = parts.console, parts.analytics

    async def asked_for(request: Request) -> tuple[View, LogFilters[StatsSearch]]:
        view = await console.views.of(request)
        zone = zone_of(view, console.zone)
        return view, read_filters(StatsSearch, PATH, request.query_params, zone=zone, now=parts.clock.now())

    @router.get(PATH, openapi_extra=needs("stat:view"))
    async def statistics(request: Request) -> Response:
        view, filters = await asked_for(request)
        values: dict[str, Any] = {
            "filters": filters,
            "presets": PRESETS,
            "dimensions": DIMENSIONS,
            "labels": labels_of(view),
        }
        if filters.problem is not None:
            return await console.form_again(request, "stats/stats.html", filters.problem, **values)
        return await console.page(request, "stats/stats.html", **values)

    @router.get("/stats/found", openapi_extra=needs("stat:view"))
    async def found(request: Request) -> Response:
        view, filters = await asked_for(request)
        zone = zone_of(view, console.zone)
        try:
            if filters.asked is None:
                raise filters.problem or Problem(422, "invalid", "the question makes no sense", "统计条件不合法")
            asked = filters.asked
            table = await analytics.stats(asked)
            over_time = table if asked.by == "time" else await analytics.stats(asked.model_copy(update={"by": "time"}))
            intervals = (await analytics.histogram(asked)).buckets
        except Problem as problem:
            return await console.page(
                request, "stats/outage.html", status=problem.status, problem=problem, filters=filters
            )
        names = await analytics.app_names_if_known([row.key for row in table.stats]) if asked.by == "app" else {}
        moment = _moments(asked, zone)
        labels = [moment(int(row.key)) if asked.by == "time" else names.get(row.key, row.key) for row in table.stats]
        charts = _course(over_time.stats, [(each.start_ms, moment(each.start_ms)) for each in intervals], view)
        if asked.by != "time":
            charts.insert(0, _ranking(table.stats[:_CHARTED], labels, asked.sort.removeprefix("-"), view))
        rows = list(zip(table.stats, labels, strict=True))
        return await console.page(
            request, "stats/found.html", filters=filters, by=asked.by, rows=rows, others=table.others, charts=charts,
            columns=COLUMNS, dimension=DIMENSIONS[asked.by], link=_calls_of(filters),
        )  # fmt: skip

    return router


def _moments(asked: StatsSearch, zone: ZoneInfo) -> Callable[[int], str]:
    """How the beginning of an interval, in epoch ms, is written."""
    form = "%m-%d %H:%M" if asked.to_ms - asked.from_ms > _DAY_MS // 2 else "%H:%M:%S"
    return lambda start_ms: datetime.fromtimestamp(start_ms / 1000, zone).strftime(form)


def _ranking(rows: Sequence[CallStats], labels: Sequence[str], column: str, view: View) -> dict[str, Any]:
    """A bar for each of the first rows, of the column that the table is sorted by."""
    column = column if column in COLUMNS else "calls"
    values = [row.errors / row.calls * 100 if column == "error_rate" else getattr(row, column) for row in rows]
    unit = "%" if column == "error_rate" else "ms" if column.endswith("_ms") else ""
    title = view.say(COLUMNS[column])
    return {
        "title": title, "kind": "bar", "horizontal": True, "categories": [label or "—" for label in labels[: len(rows)]],
        "unit": unit, "digits": 1 if unit else 0,
        "series": [{"name": title, "data": values, "tone": _HIGH.get(column, "purple")}],
    }  # fmt: skip


def _course(rows: Sequence[CallStats], intervals: Sequence[tuple[int, str]], view: View) -> list[dict[str, Any]]:
    """Calls and errors over time, and how long calls took. intervals: all of the window, (beginning in epoch ms, its label): those
    without calls have no row."""
    row_of = {int(row.key): row for row in rows}
    shown = [row_of.get(start_ms) for start_ms, _ in intervals]
    about = {"kind": "line", "axis": view.say(DIMENSIONS["time"]), "categories": [label for _, label in intervals]}
    calls = [
        {"name": view.say(_CALLS), "data": [row.calls if row else 0 for row in shown], "tone": "blue"},
        {"name": view.say(_ERRORS), "data": [row.errors if row else 0 for row in shown], "tone": "red"},
    ]
    times = [
        {"name": view.say(_MEAN), "data": [round(row.mean_ms, 1) if row else None for row in shown], "tone": "orange"},
        {"name": "p95", "data": [round(row.p95_ms, 1) if row else None for row in shown], "tone": "purple"},
    ]
    return [
        about | {"title": view.say(N_("Calls over time")), "series": calls},
        about | {"title": view.say(N_("Response time")), "series": times, "unit": "ms", "digits": 1},
    ]


_CONDITION = {"api": "api_name", "app": "app_key", "vender": "vender_id", "error": "error"}


def _calls_of(filters: LogFilters[StatsSearch]) -> Any:
    """row → where its calls are searched; "" where no condition names them."""

    def link(row: CallStats) -> str:
        assert filters.asked is not None
        condition = _CONDITION.get(filters.asked.by)
        if condition is None or not row.key:
            return ""
        return filters.part_url("/logs", **{"by": None, "sort": None, condition: row.key})

    return link
