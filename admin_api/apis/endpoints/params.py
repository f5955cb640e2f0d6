"""/sysparams: the system parameters that every call must carry."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.apis.repository import ParamListing, list_params
from admin_api.apis.service.params import (
    PROTOCOL_PARAMS,
    ParamDraft,
    ParamEdit,
    create_param,
    delete_param,
    edit_param,
)
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.apis import api_systemparam
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


class ParamView(View):
    """is_protocols_own: cannot be switched off or deleted."""

    id: int
    name: str
    description: str
    state: int
    is_protocols_own: bool
    version: int


def param_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of system parameters."""
    router = APIRouter(prefix="/sysparams", tags=["系统参数"], route_class=GuardedRoute)

    async def current(param_id: int) -> ParamView:
        async with database.read() as connection:
            return _view(await fetch_row(connection, api_systemparam, param_id), zone)

    @router.get("", openapi_extra=needs("gw:param:list"))
    async def get_params(listing: Annotated[ParamListing, Query()]) -> Page[ParamView]:
        async with database.read() as connection:
            rows, total = await list_params(connection, listing)
        items = [_view(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("gw:param:add"))
    async def add_param(draft: ParamDraft, desk: AtCreatingDesk) -> ParamView:
        return await current(await desk.create_row(draft, lambda change: create_param(change, draft)))

    @router.get("/{param_id}", openapi_extra=needs("gw:param:query"))
    async def get_param(param_id: Id) -> ParamView:
        return await current(param_id)

    @router.patch("/{param_id}", openapi_extra=needs("gw:param:edit"))
    async def change_param(param_id: Id, edit: ParamEdit, desk: AtDesk) -> ParamView:
        return _view(await desk.change(lambda change: edit_param(change, param_id, edit)), zone)

    @router.delete("/{param_id}", status_code=204, openapi_extra=needs("gw:param:remove"))
    async def remove_param(param_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_param(change, param_id))

    return router


def _view(row: Row, zone: ZoneInfo) -> ParamView:
    return ParamView.of(row | {"is_protocols_own": row["name"] in PROTOCOL_PARAMS}, zone)
