"""/sys/roles: what a role grants, as the tree of menus with boxes, and who has it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.access.repository.roles import (
    RoleListing,
    all_menus,
    counts_of_members,
    list_roles,
    members_of,
    menus_of_role,
)
from admin_api.access.service.roles import RoleDraft, RoleEdit, create_role, delete_role, edit_role
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.access import role
from admin_api.tables.rows import Row, fetch_row
from admin_api.tables.shapes import Id

PATH = "/sys/roles"
_DEPTH = 10


@dataclass(slots=True)
class Node:
    """An entry of the tree with what lies below."""

    row: Row
    children: list["Node"] = field(default_factory=list)


def tree(rows: list[Row], parent_id: int = 0, depth: int = 0) -> list[Node]:
    """The rows as a tree, in their order; what hangs below nothing stands at the top."""
    known = {row["id"] for row in rows}
    here = [
        row for row in rows
        if row["parent_id"] == parent_id or (parent_id == 0 and depth == 0 and row["parent_id"] not in known)
    ]  # fmt: skip
    here.sort(key=lambda row: (row["order_num"], row["id"]))
    return [Node(row, tree(rows, row["id"], depth + 1) if depth < _DEPTH else []) for row in here]


def role_pages(parts: Parts) -> APIRouter:
    """The pages of roles."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, database = parts.console, parts.database

    async def known(role_id: int) -> dict[str, Any]:
        async with database.read() as connection:
            return {
                "role": await fetch_row(connection, role, role_id),
                "granted": set(await menus_of_role(connection, role_id)),
                "members": await members_of(connection, role_id),
                "nodes": tree(await all_menus(connection)),
            }

    async def menus() -> list[Node]:
        async with database.read() as connection:
            return tree(await all_menus(connection))

    @router.get(PATH, openapi_extra=needs("sys:role:list"))
    async def roles(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(RoleListing, request.query_params, size=view.page_size)
        async with database.read() as connection:
            rows, total = await list_roles(connection, listing)
            members = await counts_of_members(connection, [row["id"] for row in rows])
        state = ListState(PATH, listing, total, default_size=view.page_size)
        return await console.page(request, "roles/list.html", state=state, rows=rows, members=members)

    @router.get(f"{PATH}/new", openapi_extra=needs("sys:role:add"))
    async def new_role(request: Request) -> Response:
        values = {"status": 1}
        return await console.page(
            request, "roles/new.html", values=values, nodes=await menus(), granted=set(), role=None, key=uuid4().hex
        )

    @router.post(PATH, openapi_extra=needs("sys:role:add"))
    async def add_role(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(RoleDraft, sent)
            role_id = await desk.create_row(draft, lambda change: create_role(change, draft))
        except Problem as problem:
            shown = {
                "nodes": await menus(),
                "granted": _ids(sent.getlist("menu_ids")),
                "role": None,
                "key": uuid4().hex,
            }
            return await console.form_again(request, "roles/form.html", problem, values=sent, **shown)
        return await console.done(request, leads_to=f"{PATH}/{role_id}")

    @router.get(f"{PATH}/{{role_id}}", openapi_extra=needs("sys:role:query"))
    async def one_role(role_id: Id, request: Request) -> Response:
        shown = await known(role_id)
        return await console.page(request, "roles/edit.html", values=shown["role"], key="", **shown)

    @router.post(f"{PATH}/{{role_id}}", openapi_extra=needs("sys:role:edit"))
    async def change_role(role_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(RoleEdit, sent)
            await desk.change(lambda change: edit_role(change, role_id, edit))
        except Problem as problem:
            shown = await known(role_id) | {"granted": _ids(sent.getlist("menu_ids")), "key": ""}
            return await console.form_again(request, "roles/form.html", problem, values=sent, **shown)
        return await console.done(request, leads_to=f"{PATH}/{role_id}")

    @router.post(f"{PATH}/{{role_id}}/delete", openapi_extra=needs("sys:role:remove"))
    async def remove_role(role_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: delete_role(change, role_id))
        return await console.done(request, N_("Deleted."), leads_to=PATH)

    return router


def _ids(values: Iterable[object]) -> set[int]:
    return {int(value) for value in values if isinstance(value, str) and value.isdecimal() and len(value) < 10}
