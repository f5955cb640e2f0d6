"""/logs: call logs, searched, counted over time, one by one."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from admin_api.access.service.preferences import Preferences, change_preferences
from admin_api.analytics.service.conditions import LogSearch
from admin_api.apis.repository import MappingListing, list_mappings
from admin_api.apps.repository.apps import AppListing, list_apps
from admin_api.console.catalogues import N_
from admin_api.console.forms import sent_form
from admin_api.console.frame import PageRoute, is_partial
from admin_api.console.log_columns import COLUMNS, TABLE, chosen_columns
from admin_api.console.log_filters import PRESETS, LogFilters, labels_of, read_filters, zone_of
from admin_api.console.parts import Parts
from admin_api.console.views import View
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import SIGNED_IN, needs
from admin_api.security.problems import Problem
from admin_api.tables.shapes import Search
from openplatform.records import CallLog, Histogram

PATH = "/logs"
_SUGGESTIONS = 50
_DAY_MS = 86_400_000
_SYSTEM = frozenset([
    "method", "app_key", "session", "timestamp", "v", "format", "sign_method", "sign", "simplify", "partner_id", "target_app_key",
])  # fmt: skip
_OK, _ERRORS = N_("Succeeded"), N_("Errors")
_TIME = N_("Time")


def log_pages(parts: Parts) -> APIRouter:
    """The pages of call logs."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, analytics = parts.console, parts.analytics

    async def asked_for(request: Request) -> tuple[View, LogFilters[LogSearch]]:
        view = await console.views.of(request)
        zone = zone_of(view, console.zone)
        filters = read_filters(
            LogSearch, PATH, request.query_params, zone=zone, now=parts.clock.now(), size=view.page_size
        )
        return view, filters

    @router.get(PATH, openapi_extra=needs("log:search"))
    async def search(request: Request) -> Response:
        view, filters = await asked_for(request)
        if filters.problem is not None:
            return await console.form_again(
                request, "logs/search.html", filters.problem, filters=filters, presets=PRESETS, labels=labels_of(view)
            )
        return await console.page(request, "logs/search.html", filters=filters, presets=PRESETS)

    @router.get("/logs/found", openapi_extra=needs("log:search"))
    async def found(request: Request) -> Response:
        view, filters = await asked_for(request)
        try:
            if filters.asked is None:
                raise filters.problem or Problem(422, "invalid", "the search makes no sense", "搜索条件不合法")
            page = await analytics.search(filters.asked)
        except Problem as problem:
            return await _outage(request, filters, problem)
        names = await analytics.app_names_if_known([hit.log.appkey for hit in page.hits])
        return await console.page(
            request, "logs/found.html", filters=filters, found=page, names=names, rest=_rest_of_content,
            all_columns=COLUMNS, columns=chosen_columns(view.preferences.columns),
        )  # fmt: skip

    @router.post("/logs/columns", openapi_extra=needs(SIGNED_IN))
    async def choose_columns(request: Request, desk: AtDesk) -> Response:
        view = await console.views.of(request)
        ticked = (await sent_form(request)).getlist("columns")
        chosen = {TABLE: [column.name for column in COLUMNS if column.name in ticked]}
        wanted = Preferences(columns=view.preferences.columns | chosen)
        await desk.change(lambda change: change_preferences(change, wanted))
        return Response(headers={"HX-Refresh": "true"})

    @router.get("/logs/chart", openapi_extra=needs("log:search"))
    async def chart(request: Request) -> Response:
        view, filters = await asked_for(request)
        try:
            if filters.asked is None:
                raise filters.problem or Problem(422, "invalid", "the search makes no sense", "搜索条件不合法")
            histogram = await analytics.histogram(filters.asked)
        except Problem as problem:
            return await _outage(request, filters, problem)
        about = _about(histogram, view, zone_of(view, console.zone))
        return await console.page(
            request,
            "logs/chart.html",
            filters=filters,
            histogram=histogram,
            about=about,
            zoom=_zoom(histogram, filters),
        )

    @router.get("/logs/names/apis", openapi_extra=needs("log:search"))
    async def apis(request: Request, api_name: Annotated[str, Query(max_length=100)] = "") -> Response:
        listing = MappingListing(q=api_name.strip() or None, size=_SUGGESTIONS, sort="gateway_api_name")
        async with parts.database.read() as connection:
            rows, _ = await list_mappings(connection, listing)
        return await console.page(request, "logs/names.html", names=[row["gateway_api_name"] for row in rows])

    @router.get("/logs/names/apps", openapi_extra=needs("log:search"))
    async def apps(request: Request, app: Annotated[str, Query(max_length=100)] = "") -> Response:
        listing = AppListing(q=app.strip() or None, size=_SUGGESTIONS)
        async with parts.database.read() as connection:
            rows, _ = await list_apps(connection, listing)
        return await console.page(request, "logs/names.html", names=sorted({row["app_name"] for row in rows}))

    @router.get("/logs/{request_id}", openapi_extra=needs("log:view"))
    async def record(request: Request, request_id: Search) -> Response:
        hit = await analytics.find_recent(request_id, now=parts.clock.now())
        names = await analytics.app_names_if_known([hit.log.appkey])
        template = "logs/drawer.html" if is_partial(request) else "logs/record.html"
        values: dict[str, Any] = {
            "log": hit.log,
            "app_name": names.get(hit.log.appkey, ""),
            "params": params_of(hit.log),
            "replay": replay_url(hit.log),
        }
        return await console.page(request, template, **values)

    @router.get("/logs/{request_id}/neighbours", openapi_extra=needs("log:view"))
    async def neighbours(request: Request, request_id: Search) -> Response:
        hit = await analytics.find_recent(request_id, now=parts.clock.now())
        logs = await analytics.neighbours(hit.log)
        return await console.page(request, "logs/neighbours.html", log=hit.log, logs=logs)

    async def _outage(request: Request, filters: LogFilters[LogSearch], problem: Problem) -> Response:
        return await console.page(request, "logs/outage.html", status=problem.status, problem=problem, filters=filters)

    return router


def params_of(log: CallLog) -> list[tuple[str, str]]:
    """The request's parameters one by one; empty when the content is no form."""
    return parse_qsl(log.requestContent, keep_blank_values=True) if "=" in log.requestContent else []


def replay_url(log: CallLog) -> str:
    """The test bench with this call's API, app and business parameters; what was masked when it was recorded is left out."""
    sent = {name: value for name, value in params_of(log) if name not in _SYSTEM and "***" not in value}
    return f"/try?{urlencode({**sent, 'api_name': log.apiName, 'app_key': log.appkey})}"


def _rest_of_content(log: CallLog) -> str:
    return log.requestContent[:200] + ("…" if len(log.requestContent) > 200 else "")


def _about(histogram: Histogram, view: View, zone: ZoneInfo) -> dict[str, Any]:
    """What chart.html draws of a histogram."""
    form = "%m-%d" if histogram.interval_ms >= _DAY_MS else "%m-%d %H:%M" if _is_long(histogram) else "%H:%M:%S"
    buckets = histogram.buckets
    return {
        "kind": "bar",
        "axis": view.say(_TIME),
        "categories": [datetime.fromtimestamp(b.start_ms / 1000, zone).strftime(form) for b in buckets],
        "series": [
            {"name": view.say(_OK), "data": [b.calls - b.errors for b in buckets], "tone": "blue", "stack": "calls"},
            {"name": view.say(_ERRORS), "data": [b.errors for b in buckets], "tone": "red", "stack": "calls"},
        ],
    }


def _is_long(histogram: Histogram) -> bool:
    return len(histogram.buckets) * histogram.interval_ms > _DAY_MS // 2


def _zoom(histogram: Histogram, filters: LogFilters[LogSearch]) -> dict[str, Any]:
    """What logs.js needs: where bars begin, and where the page of another window is."""
    zone = filters.start.tzinfo
    starts = [datetime.fromtimestamp(bucket.start_ms / 1000, zone) for bucket in histogram.buckets]
    ends = [start + timedelta(milliseconds=histogram.interval_ms) for start in starts]
    return {
        "starts": [start.isoformat() for start in starts],
        "ends": [end.isoformat() for end in ends],
        "url": filters.url(**{"range": None, "from": "FROM", "to": "TO"}),
        "earlier": filters.moved(-0.5),
        "later": filters.moved(0.5),
    }
