"""/: how the platform does: calls of the last minutes or of today, errors, and whether all its parts are well."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.analytics.service.conditions import LogConditions, StatsSearch
from admin_api.console.catalogues import N_
from admin_api.console.frame import PageRoute
from admin_api.console.parts import Parts
from admin_api.console.views import View
from admin_api.security.permissions import needs
from openplatform.records import CallStats, Histogram

WINDOWS = {"15m": N_("Last 15 minutes"), "1h": N_("Last hour"), "today": N_("Since midnight")}
_TOP = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all calls of the window. slowest: the interval's p95 that was the highest, ms; None where there were no calls."""

    calls: int
    error_share: float | None
    limited_share: float | None
    mean_ms: float | None
    slowest_ms: float | None


def overview_pages(parts: Parts) -> APIRouter:
    """The first page; its regions load themselves again every ten seconds."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, zone = parts.console, parts.settings.time_zone
    health = parts.health

    @router.get("/", openapi_extra=needs("dash:view"))
    async def overview(request: Request, window: str = "15m") -> Response:
        window = window if window in WINDOWS else "15m"
        return await console.page(request, "overview/overview.html", window=window, windows=WINDOWS)

    @router.get("/overview/calls", openapi_extra=needs("dash:view"))
    async def calls(request: Request, window: str = "15m") -> Response:
        view, now = await console.views.of(request), parts.changes.now()
        begins = _beginning(window, now, zone)
        asked = {"from_": begins, "to": now + timedelta(seconds=5)}
        over_time, codes, histogram = await gather(
            parts.analytics.stats(StatsSearch(**asked, by="time")),
            parts.analytics.stats(StatsSearch(**asked, by="error")),
            parts.analytics.histogram(LogConditions(**asked)),
        )
        return await console.page(
            request,
            "overview/calls.html",
            figures=figures_of(over_time.stats),
            chart=_course(histogram, view, zone),
            errors=[row for row in codes.stats if row.key != "0"][:_TOP],
            begins=begins,
        )

    @router.get("/overview/health", openapi_extra=needs("dash:view"))
    async def strip(request: Request) -> Response:
        return await console.page(request, "overview/health.html", health=await health.look())

    return router


def figures_of(intervals: Sequence[CallStats]) -> Figures:
    """The sums over the intervals; the mean weighs each by its calls."""
    calls = sum(row.calls for row in intervals)
    if not calls:
        return Figures(0, None, None, None, None)
    return Figures(
        calls=calls,
        error_share=sum(row.errors for row in intervals) / calls,
        limited_share=sum(row.limited for row in intervals) / calls,
        mean_ms=sum(row.mean_ms * row.calls for row in intervals) / calls,
        slowest_ms=max(row.p95_ms for row in intervals),
    )


def _beginning(window: str, now: datetime, zone: ZoneInfo) -> datetime:
    if window == "today":
        return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return now - timedelta(minutes=60 if window == "1h" else 15)


def _course(histogram: Histogram, view: View, zone: ZoneInfo) -> dict[str, Any]:
    intervals = histogram.buckets
    names = [datetime.fromtimestamp(each.start_ms / 1000, zone).strftime("%H:%M:%S") for each in intervals]
    answered = [each.calls - each.errors for each in intervals]
    return {
        "kind": "bar", "categories": names, "axis": view.say(N_("Time")),
        "series": [
            {"name": view.say(N_("Answered")), "data": answered, "tone": "blue", "stack": "calls"},
            {"name": view.say(N_("Errors")), "data": [each.errors for each in intervals], "tone": "red", "stack": "calls"},
        ],
    }  # fmt: skip
