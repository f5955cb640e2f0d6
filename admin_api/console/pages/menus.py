"""/sys/menus: the tree of directories, menus and buttons that carries the permissions."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.access.repository.roles import all_menus
from admin_api.access.service.menus import (
    BUTTON,
    MenuDraft,
    MenuEdit,
    MenuMove,
    create_menu,
    delete_menu,
    edit_menu,
    move_menu,
)
from admin_api.console.assets import icons
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.pages.roles import Node, tree
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.access import menu
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Id

PATH = "/sys/menus"


def menu_pages(parts: Parts) -> APIRouter:
    """The pages of menus."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database

    async def known(menu_id: int | None = None) -> dict[str, Any]:
        """The row, and the entries that may lie above it: neither buttons nor the entry itself."""
        async with database.read() as connection:
            rows = await all_menus(connection)
            row = None if menu_id is None else await fetch_row(connection, menu, menu_id)
        above = [line for line in flat(tree(rows)) if line.row["type"] != BUTTON and line.row["id"] != menu_id]
        return {"row": row, "above": above, "icons": icons()}

    @router.get(PATH, openapi_extra=needs("sys:menu:list"))
    async def menus(request: Request) -> Response:
        async with database.read() as connection:
            lines = flat(tree(await all_menus(connection)))
        return await console.page(request, "menus/list.html", lines=lines, moved=None)

    @router.get(f"{PATH}/new", openapi_extra=needs("sys:menu:add"))
    async def new_menu(request: Request) -> Response:
        below = request.query_params.get("below", "")
        values = {"parent_id": int(below) if below.isdecimal() and len(below) < 10 else 0, "type": 1}
        return await console.page(request, "menus/new.html", values=values, key=uuid4().hex, **await known())

    @router.post(PATH, openapi_extra=needs("sys:menu:add"))
    async def add_menu(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(MenuDraft, sent)
            menu_id = await desk.create_row(draft, lambda change: create_menu(change, draft))
        except Problem as problem:
            shown = await known() | {"key": uuid4().hex}
            return await console.form_again(request, "menus/form.html", problem, values=sent, **shown)
        return await console.done(request, leads_to=f"{PATH}/{menu_id}")

    @router.get(f"{PATH}/{{menu_id}}", openapi_extra=needs("sys:menu:query"))
    async def one_menu(menu_id: Id, request: Request) -> Response:
        shown = await known(menu_id)
        return await console.page(request, "menus/edit.html", values=shown["row"], key="", **shown)

    @router.post(f"{PATH}/{{menu_id}}", openapi_extra=needs("sys:menu:edit"))
    async def change_menu(menu_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(MenuEdit, sent)
            await desk.change(lambda change: edit_menu(change, menu_id, edit))
        except Problem as problem:
            shown = await known(menu_id) | {"key": ""}
            return await console.form_again(request, "menus/form.html", problem, values=sent, **shown)
        return await console.done(request, leads_to=PATH)

    @router.post(f"{PATH}/{{menu_id}}/move", openapi_extra=needs("sys:menu:edit"))
    async def move_one(menu_id: Id, request: Request, desk: AtDesk) -> Response:
        move = parse(MenuMove, await sent_form(request))
        await desk.change(lambda change: move_menu(change, menu_id, move))
        async with database.read() as connection:
            lines = flat(tree(await all_menus(connection)))
        return await console.page(request, "menus/rows.html", lines=lines, moved=(menu_id, move.to))

    @router.post(f"{PATH}/{{menu_id}}/delete", openapi_extra=needs("sys:menu:remove"))
    async def remove_menu(menu_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_menu(change, menu_id))
        return await console.done(request, N_("Deleted."), leads_to=PATH)

    return router


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the tree: the row, how deep it lies, whether it is the first and the last of its parent."""

    row: Row
    depth: int
    is_first: bool
    is_last: bool


def flat(nodes: list[Node], depth: int = 0) -> list[Line]:
    """The tree line by line."""
    lines: list[Line] = []
    for node in nodes:
        lines += [Line(node.row, depth, node is nodes[0], node is nodes[-1]), *flat(node.children, depth + 1)]
    return lines
