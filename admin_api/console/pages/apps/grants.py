"""/apps/{id}/grants: which APIs the application may call, and from which addresses."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.apis.repository import MappingListing, list_mappings
from admin_api.apps.repository.grants import GrantListing, allowed_networks, granted_mappings, list_grants
from admin_api.apps.service.grants import AllowedNetworks, Grants, allow_networks, grant_many, revoke_grant
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import REFUSED
from admin_api.console.lists import ListState, read_query
from admin_api.console.pages.apps.detail import app_of
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtDesk
from admin_api.security.permissions import needs
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id
from openplatform.sql import AsyncConnection

_CHOICE = 100
"""APIs that the dialog offers; a search narrows them."""


def add_grant_pages(router: APIRouter, parts: Parts) -> None:
    """The tab of APIs and addresses."""
    console = parts.console

    @router.get("/{app_id}/grants", openapi_extra=needs("gw:app:query"))
    async def grants(app_id: Id, request: Request) -> Response:
        app = await app_of(parts, app_id)
        view = await console.views.of(request)
        listing = read_query(GrantListing, request.query_params, size=view.page_size)
        async with parts.database.read() as connection:
            rows, total = await list_grants(connection, app_id, listing)
            cidrs = await allowed_networks(connection, app_id)
        state = ListState(f"/apps/{app_id}/grants", listing, total, default_size=view.page_size)
        values = {"cidrs": "\n".join(cidrs), "version": app["version"]}
        return await console.page(
            request, "apps/grants.html", app=app, rows=rows, state=state, cidrs=cidrs, values=values, tab="grants"
        )

    @router.get("/{app_id}/grants/choose", openapi_extra=needs("gw:app:grant"))
    async def choose(app_id: Id, request: Request) -> Response:
        async with parts.database.read() as connection:
            offered = await _not_granted(connection, app_id, request.query_params.get("name", ""))
        return await console.page(request, "apps/grant_choice.html", app=await app_of(parts, app_id), offered=offered)

    @router.post("/{app_id}/grants", openapi_extra=needs("gw:app:grant"))
    async def grant(app_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            wanted = parse(Grants, sent)
            await desk.change(lambda change: grant_many(change, app_id, wanted))
        except REFUSED as error:
            async with parts.database.read() as connection:
                offered = await _not_granted(connection, app_id, "")
            shown: dict[str, Any] = {"app": await app_of(parts, app_id), "offered": offered, "values": sent}
            return await console.form_again(request, "apps/grant_choice.html", error, **shown)
        return await console.done(request, in_force=desk.in_force, leads_to=f"/apps/{app_id}/grants")

    @router.post("/{app_id}/grants/{mapping_id}/revoke", openapi_extra=needs("gw:app:grant"))
    async def revoke(app_id: Id, mapping_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: revoke_grant(change, app_id, mapping_id))
        return await console.done(
            request, N_("The app may not call this API any more."), leads_to=f"/apps/{app_id}/grants"
        )

    @router.post("/{app_id}/networks", openapi_extra=needs("gw:app:grant"))
    async def networks(app_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            allowed = parse(AllowedNetworks, sent, cidrs=str(sent.get("cidrs", "")).split())
            await desk.change(lambda change: allow_networks(change, app_id, allowed))
        except REFUSED as error:
            app = await app_of(parts, app_id)
            values = {"cidrs": sent.get("cidrs", ""), "version": app["version"]}
            return await console.form_again(request, "apps/networks_form.html", error, app=app, values=values)
        return await console.done(request, in_force=desk.in_force, leads_to=f"/apps/{app_id}/grants")


async def _not_granted(connection: AsyncConnection, app_id: int, name: str) -> list[Row]:
    """APIs that need a grant and of which the application holds none, at most a hundred by name."""
    listing = MappingListing(q=name.strip()[:100] or None, size=_CHOICE, sort="gateway_api_name")
    rows, _ = await list_mappings(connection, listing)
    held = await granted_mappings(connection, app_id, [row["id"] for row in rows])
    return [row for row in rows if row["id"] not in held]
