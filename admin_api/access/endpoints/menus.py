"""/menus: the tree of directories, menus and buttons."""

from zoneinfo import ZoneInfo

from fastapi import APIRouter

from admin_api.access.repository.roles import all_menus
from admin_api.access.service.menus import (
    MenuDraft,
    MenuEdit,
    MenuMove,
    create_menu,
    delete_menu,
    edit_menu,
    move_menu,
)
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.access import menu
from admin_api.tables.rows import fetch_row
from admin_api.tables.shapes import Id, View
from openplatform.sql import Database


class MenuView(View):
    """type: 0 directory, 1 menu, 2 button; parent_id: 0 = top level."""

    id: int
    name: str
    parent_id: int
    type: int
    url: str
    icon: str
    perms: str
    order_num: int
    version: int


def menu_routes(database: Database, zone: ZoneInfo) -> APIRouter:
    """The routes of menus."""
    router = APIRouter(prefix="/menus", tags=["菜单"], route_class=GuardedRoute)

    async def current(menu_id: int) -> MenuView:
        async with database.read() as connection:
            return MenuView.of(await fetch_row(connection, menu, menu_id), zone)

    @router.get("", openapi_extra=needs("sys:menu:list"))
    async def list_menus() -> list[MenuView]:
        """All entries at once: a tree in pages would be no tree."""
        async with database.read() as connection:
            return [MenuView.of(row, zone) for row in await all_menus(connection)]

    @router.post("", status_code=201, openapi_extra=needs("sys:menu:add"))
    async def add_menu(draft: MenuDraft, desk: AtCreatingDesk) -> MenuView:
        return await current(await desk.create_row(draft, lambda change: create_menu(change, draft)))

    @router.get("/{menu_id}", openapi_extra=needs("sys:menu:query"))
    async def get_menu(menu_id: Id) -> MenuView:
        return await current(menu_id)

    @router.patch("/{menu_id}", openapi_extra=needs("sys:menu:edit"))
    async def change_menu(menu_id: Id, edit: MenuEdit, desk: AtDesk) -> MenuView:
        return MenuView.of(await desk.change(lambda change: edit_menu(change, menu_id, edit)), zone)

    @router.post("/{menu_id}/move", openapi_extra=needs("sys:menu:edit"))
    async def move_one(menu_id: Id, move: MenuMove, desk: AtDesk) -> MenuView:
        """Changes places with the entry before or after it, or goes before or after another one of the same parent."""
        return MenuView.of(await desk.change(lambda change: move_menu(change, menu_id, move)), zone)

    @router.delete("/{menu_id}", status_code=204, openapi_extra=needs("sys:menu:remove"))
    async def remove_menu(menu_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: delete_menu(change, menu_id))

    return router
