"""/limits: what apps, APIs and grants may call, how full that is, and from where apps may call; a fresh start of an app's day."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from admin_api.apis.repository import MappingListing, list_mappings
from admin_api.apis.service.mappings import MappingEdit, edit_mapping
from admin_api.apps.repository.apps import AppListing, list_apps
from admin_api.apps.repository.limits import GrantLimitListing, NetworkListing, list_limited_grants, list_networks
from admin_api.apps.service.apps import AppEdit, edit_app
from admin_api.apps.service.quota import reset_quota
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.gauges import day_gauge, minute_gauge
from admin_api.tables.listing import Listing
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Body, Id, Line100
from openplatform.errors import PlatformUnavailable
from openplatform.records import QuotaUse


class AppLimits(Body):
    """The dialog of an app's limits."""

    version: int
    daily_limit: int
    minute_limit: int | None = None


class ApiLimits(Body):
    """The dialog of an API's limits."""

    version: int
    limit_per_second: int | None = None
    limit_per_minute: int | None = None
    limit_per_day: int | None = None


class Reason(Body):
    """Why an app's day begins anew."""

    reason: Line100


def limit_pages(parts: Parts) -> APIRouter:
    """Four lists under one roof, and the dialogs of their rows."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, quota = parts.console, parts.quota

    async def listed(request: Request, tab: str, model: type[Any], fetch: Any) -> tuple[ListState, list[Row]]:
        view = await console.views.of(request)
        listing: Listing = read_query(model, request.query_params, size=view.page_size)
        async with parts.database.read() as connection:
            rows, total = await fetch(connection, listing)
        path = "/limits" if tab == "apps" else f"/limits/{tab}"
        return ListState(path, listing, total, default_size=view.page_size), rows

    def gauged(rows: Sequence[Row], uses: Sequence[QuotaUse | None], day: str, minute: str) -> list[Row]:
        now = datetime.fromtimestamp(parts.clock.now(), parts.settings.time_zone)
        return [
            row | {"day": day_gauge(row[day], use, now), "minute": minute_gauge(row[minute], use)}
            for row, use in zip(rows, uses, strict=True)
        ]

    @router.get("/limits", openapi_extra=needs("gw:limit:list"))
    async def of_apps(request: Request) -> Response:
        state, rows = await listed(request, "apps", AppListing, list_apps)
        uses: Sequence[QuotaUse | None] = [None] * len(rows)
        with suppress(PlatformUnavailable):  # the list is of use without its counters
            uses = await quota.used([row["app_key"] for row in rows])
        shown = gauged(rows, uses, "daily_limit", "minute_limit")
        defaults = await parts.health.default_minute_limits()
        return await console.page(request, "limits/apps.html", tab="apps", state=state, rows=shown, defaults=defaults)

    @router.get("/limits/apis", openapi_extra=needs("gw:limit:list"))
    async def of_apis(request: Request) -> Response:
        state, rows = await listed(request, "apis", MappingListing, list_mappings)
        uses: Sequence[QuotaUse | None] = [None] * len(rows)
        with suppress(PlatformUnavailable):
            uses = await quota.used_of([row["gateway_api_name"] for row in rows])
        shown = gauged(rows, uses, "limit_per_day", "limit_per_minute")
        return await console.page(request, "limits/apis.html", tab="apis", state=state, rows=shown)

    @router.get("/limits/grants", openapi_extra=needs("gw:limit:list"))
    async def of_grants(request: Request) -> Response:
        state, rows = await listed(request, "grants", GrantLimitListing, list_limited_grants)
        uses: Sequence[QuotaUse | None] = [None] * len(rows)
        with suppress(PlatformUnavailable):
            uses = await quota.used_at([(row["app_key"], row["gateway_api_name"]) for row in rows])
        shown = gauged(rows, uses, "daily_limit", "minute_limit")
        return await console.page(request, "limits/grants.html", tab="grants", state=state, rows=shown)

    @router.get("/limits/networks", openapi_extra=needs("gw:limit:list"))
    async def of_networks(request: Request) -> Response:
        state, rows = await listed(request, "networks", NetworkListing, list_networks)
        return await console.page(request, "limits/networks.html", tab="networks", state=state, rows=rows)

    @router.post("/limits/apps/{app_id}", openapi_extra=needs("gw:limit:edit"))
    async def change_app(app_id: Id, request: Request, desk: AtDesk) -> Response:
        edit = AppEdit(**await _sent(AppLimits, request))
        await desk.change(lambda change: edit_app(change, app_id, edit))
        return await console.done(request, in_force=desk.in_force, leads_to="/limits")

    @router.post("/limits/apis/{mapping_id}", openapi_extra=needs("gw:limit:edit"))
    async def change_api(mapping_id: Id, request: Request, desk: AtDesk) -> Response:
        edit = parse(MappingEdit, await _sent(ApiLimits, request))
        await desk.change(lambda change: edit_mapping(change, mapping_id, edit))
        return await console.done(request, in_force=desk.in_force, leads_to="/limits/apis")

    @router.post("/limits/apps/{app_id}/reset", openapi_extra=needs("gw:limit:reset"))
    async def reset(app_id: Id, request: Request, desk: AtDesk) -> Response:
        reason = parse(Reason, await sent_form(request)).reason
        await desk.change(lambda change: reset_quota(change, quota, app_id, parts.settings.time_zone, reason))
        return await console.done(request, N_("The app's day begins anew; the audit log says why."), leads_to="/limits")

    return router


async def _sent(model: type[BaseModel], request: Request) -> dict[str, Any]:
    return parse(model, await sent_form(request)).model_dump()
