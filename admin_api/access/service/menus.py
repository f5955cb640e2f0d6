"""Menus: the tree of directories, menus and buttons that carries the permissions."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, StringConstraints, model_validator

from admin_api.access.repository.roles import all_menus, find_menu, has_children, menus_granted_to, take_from_roles
from admin_api.access.repository.users import change_access_alone
from admin_api.access.service.limits import refuse_permission
from admin_api.outbox.changes import Change
from admin_api.security.operators import Operator
from admin_api.security.permissions import EVERYTHING, PERMS_PATTERN
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.access import menu
from admin_api.tables.rows import Row, RowInUse, delete_row, edit_row, fetch_row, insert_row, update_row
from admin_api.tables.shapes import UNSET, Body, BodyId, Count, Edit, Line50
from openplatform.sql import AsyncConnection

DIRECTORY, MENU, BUTTON = 0, 1, 2


def _permission(perms: str) -> str:
    if perms and (perms == EVERYTHING or PERMS_PATTERN.fullmatch(perms) is None):
        raise ValueError("must be words joined by colons, such as gw:app:edit, or gw:app:* for all of gw:app")
    return perms


MenuUrl = Annotated[str, StringConstraints(max_length=500, pattern=r"^(/([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?)?$")]
Icon = Annotated[str, StringConstraints(max_length=30, pattern=r"^[a-z0-9-]*$")]
Perms = Annotated[str, StringConstraints(max_length=100), AfterValidator(_permission)]


class MenuDraft(Body):
    """parent_id: 0 = top level; type: 0 directory, 1 menu, 2 button; a button has a permission and no icon.

    order_num: smaller ones come first; null = after all others of the same parent.
    """

    name: Line50
    parent_id: Count = 0
    type: Literal[0, 1, 2]
    url: MenuUrl = ""
    icon: Icon = ""
    perms: Perms = ""
    order_num: Count | None = None


class MenuEdit(Edit):
    """The type stays: delete the entry and add another."""

    name: Line50 = UNSET
    parent_id: Count = UNSET
    url: MenuUrl = UNSET
    icon: Icon = UNSET
    perms: Perms = UNSET
    order_num: Count = UNSET


class MenuMove(Body):
    """up: before the entry that stands before it now, of the same parent; down: after the next one; before, after: the entry
    `other`, of the same parent too."""

    to: Literal["up", "down", "before", "after"]
    other: BodyId | None = None

    @model_validator(mode="after")
    def _names_the_other(self) -> Self:
        if (self.to in ("before", "after")) != (self.other is not None):
            raise ValueError("other goes with before and after, and with them alone")
        return self


async def create_menu(change: Change, draft: MenuDraft) -> Row:
    """The new row. Raises a Problem for a place or a permission that does not fit."""
    await change_access_alone(change.connection)
    refuse_permission(change, draft.perms)
    values = draft.model_dump()
    await _refuse_misfit(change.connection, values)
    if draft.order_num is None:
        others = await _entries_below(change.connection, draft.parent_id)
        values["order_num"] = max((other["order_num"] for other in others), default=0) + 1
    row = await insert_row(change.connection, menu, values)
    await change.record("create", menu.name, row["id"], after=row)
    return row


async def edit_menu(change: Change, menu_id: int, edit: MenuEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale, a Problem: also for a parent that lies below the entry itself."""
    await change_access_alone(change.connection)
    before, after = await edit_row(change.connection, menu, menu_id, edit.version, edit.changes())
    if before["perms"] != after["perms"]:
        refuse_permission(change, after["perms"])
        refuse_permission(change, before["perms"])
    await _refuse_misfit(change.connection, after)
    await change.record("edit", menu.name, menu_id, before, after)
    return after


async def move_menu(change: Change, menu_id: int, move: MenuMove) -> Row:
    """The row at its new place; the first does not go up nor the last down. Raises RowMissing, a Problem for another parent's
    entry: its parent is changed by an edit."""
    await change_access_alone(change.connection)
    moved = await fetch_row(change.connection, menu, menu_id)
    entries = await _entries_below(change.connection, moved["parent_id"])
    places = {entry["id"]: number for number, entry in enumerate(entries)}
    at = places[menu_id]
    if move.other is None:
        to = min(max(at + (1 if move.to == "down" else -1), 0), len(entries) - 1)
    elif move.other in places:
        other = places[move.other]
        to = other + (move.to == "after") - (at < other)
    else:
        raise Problem(
            409,
            "other-parent",
            "entries are ordered among those of one parent: change the parent in the entry's form",
            "只能在同一上级内排序；如需更换上级，请编辑该菜单",
        )
    entries.insert(to, entries.pop(at))
    for number, before in enumerate(entries, 1):  # numbers may be equal, and then the ids decide: they are counted anew
        if to != at and before["order_num"] != number:
            after = await update_row(change.connection, menu, before, {"order_num": number})
            await change.record("edit", menu.name, before["id"], before, after)
    return await fetch_row(change.connection, menu, menu_id)


async def delete_menu(change: Change, menu_id: int) -> None:
    """Deletes an entry without children, and takes it from all roles. Raises RowMissing, RowInUse."""
    await change_access_alone(change.connection)
    if await has_children(change.connection, menu_id):
        raise RowInUse(menu.name)
    await take_from_roles(change.connection, menu_id)
    before = await delete_row(change.connection, menu, menu_id)
    await change.record("delete", menu.name, menu_id, before=before)


async def menus_of_operator(connection: AsyncConnection, operator: Operator) -> list[Row]:
    """The directories and menus that the operator's active roles show, with all entries above them."""
    rows = {row["id"]: row for row in await all_menus(connection) if row["type"] != BUTTON}
    if operator.permissions.is_administrator:
        return list(rows.values())
    shown: set[int] = set()
    for menu_id in await menus_granted_to(connection, operator.user_id):
        while menu_id in rows and menu_id not in shown:
            shown.add(menu_id)
            menu_id = rows[menu_id]["parent_id"]
    return [row for row in rows.values() if row["id"] in shown]


async def _entries_below(connection: AsyncConnection, parent_id: int) -> list[Row]:
    return [row for row in await all_menus(connection) if row["parent_id"] == parent_id]


async def _refuse_misfit(connection: AsyncConnection, row: Row) -> None:
    if row["type"] == BUTTON and (row["icon"] or not row["perms"] or row["url"]):
        raise invalid_field("type", "2 is a button: it has a permission, and neither icon nor url")
    if row["type"] == MENU and not row["url"]:
        raise invalid_field("url", "is what a menu leads to")
    if row["parent_id"] == 0:
        if row["type"] == BUTTON:
            raise invalid_field("parent_id", "of a button must be a menu")
        return
    parent = await find_menu(connection, row["parent_id"])
    if parent is None:
        raise invalid_field("parent_id", "names no menu")
    if parent["type"] != (MENU if row["type"] == BUTTON else DIRECTORY):
        raise invalid_field("parent_id", "does not fit: buttons belong to menus, menus and directories to directories")
    await _refuse_loop(connection, row, parent)


async def _refuse_loop(connection: AsyncConnection, row: Row, parent: Row) -> None:
    seen: set[int] = set()
    while parent["id"] not in seen:
        if parent["id"] == row.get("id"):
            raise Problem(409, "menu-loop", "an entry cannot lie below itself", "菜单不能成为自己的下级")
        seen.add(parent["id"])
        if parent["parent_id"] == 0:
            return
        parent = await fetch_row(connection, menu, parent["parent_id"])
