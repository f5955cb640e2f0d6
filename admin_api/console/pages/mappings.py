"""/mappings: the public APIs, what became of many at once, whether a service can be reached; one API stands in mapping.py."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from admin_api.analytics.service.conditions import StatsSearch
from admin_api.apis.endpoints.mappings import MappingSwitch
from admin_api.apis.repository import MappingFilter, MappingListing, list_mappings
from admin_api.apis.service.mappings import delete_mapping, switch_mappings
from admin_api.apis.service.preview import probe
from admin_api.console.batches import here_of, selection_of
from admin_api.console.catalogues import N_
from admin_api.console.forms import sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.health.service.overview import BreakerHealth
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.apis import app_mapping
from admin_api.tables.rows import fetch_row
from admin_api.tables.shapes import Id
from openplatform.errors import PlatformUnavailable

_RANKED = 10_000
"""Names that a day's ranking is asked for: the whole of it, on any platform seen so far."""


def mapping_pages(parts: Parts) -> APIRouter:
    """The list of APIs and what is done there."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console = parts.console

    def now() -> datetime:
        return datetime.fromtimestamp(parts.clock.now(), parts.settings.time_zone)

    async def listed(request: Request, query: QueryParams) -> dict[str, Any]:
        view = await console.views.of(request)
        listing = read_query(MappingListing, query, size=view.page_size)
        async with parts.database.read() as connection:
            rows, total = await list_mappings(connection, listing)
        calls: dict[str, int] | None = None
        breakers: tuple[int, dict[str, list[BreakerHealth]]] | None = None
        with suppress(PlatformUnavailable):  # the list is of use without
            calls = dict(await parts.ranking.top(now().date(), _RANKED))
            breakers = await parts.health.breakers()
        state = ListState("/mappings", listing, total, default_size=view.page_size)
        return {"state": state, "rows": rows, "calls": calls, "breakers": breakers}

    @router.get("/mappings", openapi_extra=needs("gw:mapping:list"))
    async def mappings(request: Request) -> Response:
        return await console.page(request, "mappings/list.html", **await listed(request, request.query_params))

    @router.get("/mappings/means", openapi_extra=needs("stat:view"))
    async def means(request: Request) -> Response:
        """Of the list's rows, after the list: the log store may take its time, or be away."""
        view = await console.views.of(request)
        listing = read_query(MappingListing, request.query_params, size=view.page_size)
        async with parts.database.read() as connection:
            rows, _ = await list_mappings(connection, listing)
        today = now().replace(hour=0, minute=0, second=0, microsecond=0)
        problem, mean_of = None, dict[str, float]()
        try:
            found = await parts.analytics.stats(StatsSearch(from_=today, to=now() + timedelta(seconds=5)))
            mean_of = {row.key: row.mean_ms for row in found.stats}
        except Problem as error:
            problem = error
        return await console.page(request, "mappings/means.html", rows=rows, mean_of=mean_of, problem=problem)

    @router.post("/mappings/state", openapi_extra=needs("gw:mapping:edit"))
    async def switch(request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        wanted = selection_of(MappingSwitch, MappingFilter, MappingListing, sent)
        result = await desk.change(lambda change: switch_mappings(change, wanted, wanted.state))
        shown = await listed(request, here_of(sent))
        return await console.done_with_many(request, "mappings/rows.html", result, in_force=desk.in_force, **shown)

    @router.post("/mappings/{mapping_id}/delete", openapi_extra=needs("gw:mapping:remove"))
    async def delete(mapping_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_mapping(change, mapping_id))
        return await console.done(
            request, N_("Deleted. Callers are told that the API does not exist."), leads_to="/mappings"
        )

    @router.post("/mappings/{mapping_id}/reach", openapi_extra=needs("gw:mapping:edit"))
    async def reach(mapping_id: Id, request: Request) -> Response:
        async with parts.database.read() as connection:
            row = await fetch_row(connection, app_mapping, mapping_id)
        reached = await probe(parts.directory, row["service_id"])
        return await console.page(request, "mappings/reached.html", service_id=row["service_id"], reached=reached)

    return router
