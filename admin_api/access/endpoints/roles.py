"""/roles: sets of menus whose permissions users hold."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from admin_api.access.repository.roles import RoleListing, list_roles, menus_of_role
from admin_api.access.service.roles import RoleDraft, RoleEdit, create_role, delete_role, edit_role
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.access import role
from admin_api.tables.listing import Page
from admin_api.tables.rows import fetch_row
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


class RoleView(View):
    """built_in: the administrator's role, which has every permission and cannot be changed."""

    id: int
    name: str
    remark: str
    status: int
    built_in: bool
    version: int


class RoleDetail(RoleView):
    """menu_ids: what the role grants."""

    menu_ids: list[int]


def role_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of roles."""
    router = APIRouter(prefix="/roles", tags=["角色"], route_class=GuardedRoute)

    async def current(role_id: int) -> RoleDetail:
        async with database.read() as connection:
            row = await fetch_row(connection, role, role_id)
            return RoleDetail.of(row | {"menu_ids": await menus_of_role(connection, role_id)}, zone)

    @router.get("", openapi_extra=needs("sys:role:list"))
    async def get_roles(listing: Annotated[RoleListing, Query()]) -> Page[RoleView]:
        async with database.read() as connection:
            rows, total = await list_roles(connection, listing)
        items = [RoleView.of(row, zone) for row in rows]
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("", status_code=201, openapi_extra=needs("sys:role:add"))
    async def add_role(draft: RoleDraft, desk: AtCreatingDesk) -> RoleDetail:
        return await current(await desk.create_row(draft, lambda change: create_role(change, draft)))

    @router.get("/{role_id}", openapi_extra=needs("sys:role:query"))
    async def get_role(role_id: Id) -> RoleDetail:
        return await current(role_id)

    @router.patch("/{role_id}", openapi_extra=needs("sys:role:edit"))
    async def change_role(role_id: Id, edit: RoleEdit, desk: AtDesk) -> RoleDetail:
        await desk.change(lambda change: edit_role(change, role_id, edit))
        return await current(role_id)

    @router.delete("/{role_id}", status_code=204, openapi_extra=needs("sys:role:remove"))
    async def remove_role(role_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_role(change, role_id))

    return router
