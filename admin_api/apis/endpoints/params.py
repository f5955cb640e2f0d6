"""/sysparams: the system parameters that every call must carry."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.apis.repository import ParamListing, fetch_param, list_params
from admin_api.apis.service.params import (
    ParamDraft,
    ParamEdit,
    create_param,
    delete_param,
    edit_param,
)
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id, View
from openplatform.protocol import ALWAYS_REQUIRED
from openplatform.records import ParameterType
from openplatform.sql import Database


class ParamView(View):
    """is_protocols_own: cannot be switched off or deleted; choices: what one of the type choice may be; default_value: taken for
    calls that leave it out, "" = they are refused; changed_by: operator's e-mail, "" = nobody since the platform was made."""

    id: int
    name: str
    description: str
    state: int
    value_type: ParameterType
    choices: list[str]
    default_value: str
    is_protocols_own: bool
    changed_by: str
    changed_at: datetime | None
    version: int


def param_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of system parameters."""
    router = APIRouter(prefix="/sysparams", tags=["系统参数"], route_class=GuardedRoute)

    async def current(param_id: int) -> ParamView:
        async with database.read() as connection:
            return _view(await fetch_param(connection, param_id), zone)

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
        await desk.change(lambda change: edit_param(change, param_id, edit))
        return await current(param_id)

    @router.delete("/{param_id}", status_code=204, openapi_extra=needs("gw:param:remove"))
    async def remove_param(param_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_param(change, param_id))

    return router


def _view(row: Row, zone: ZoneInfo) -> ParamView:
    return ParamView.of(row | {"is_protocols_own": row["name"] in ALWAYS_REQUIRED}, zone)
