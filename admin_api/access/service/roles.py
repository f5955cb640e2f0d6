"""Roles: named sets of menus, whose permissions their users hold."""

from typing import Annotated

from pydantic import Field

from admin_api.access.repository.roles import menus_of_role, set_menus
from admin_api.access.repository.users import change_access_alone
from admin_api.access.service.limits import refuse_granting
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.tables.access import role
from admin_api.tables.rows import Row, delete_row, edit_row, fetch_row, insert_row
from admin_api.tables.shapes import UNSET, Body, BodyId, Edit, Line100, Note200, State

MenuIds = Annotated[list[BodyId], Field(max_length=1000)]


class RoleDraft(Body):
    """menu_ids: menus and buttons whose permissions the role grants."""

    name: Line100
    remark: Note200 = ""
    status: State = 1
    menu_ids: MenuIds = []


class RoleEdit(Edit):
    """In force at once: permissions are read anew for every request."""

    name: Line100 = UNSET
    remark: Note200 = UNSET
    status: State = UNSET
    menu_ids: MenuIds = UNSET


async def create_role(change: Change, draft: RoleDraft) -> Row:
    """The new row. Raises ValueTaken for the name, a Problem for menus that the operator cannot grant."""
    await change_access_alone(change.connection)
    await refuse_granting(change, draft.menu_ids)
    row = await insert_row(change.connection, role, draft.model_dump(exclude={"menu_ids"}), unique=("name",))
    await set_menus(change.connection, row["id"], draft.menu_ids)
    await change.record("create", role.name, row["id"], after=row | {"menu_ids": sorted(set(draft.menu_ids))})
    return row


async def edit_role(change: Change, role_id: int, edit: RoleEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale, ValueTaken, a Problem."""
    await change_access_alone(change.connection)
    _refuse_built_in(await fetch_row(change.connection, role, role_id, lock=True))
    values = edit.changes()
    wanted = values.pop("menu_ids", None)
    before, after = await edit_row(change.connection, role, role_id, edit.version, values, unique=("name",))
    had = await menus_of_role(change.connection, role_id)
    has = had if wanted is None else sorted(set(wanted))
    switched_on = before["status"] == 0 and after["status"] == 1
    await refuse_granting(change, has if switched_on else set(has) - set(had))
    if has != had:
        await set_menus(change.connection, role_id, has)
    await change.record("edit", role.name, role_id, before | {"menu_ids": had}, after | {"menu_ids": has})
    return after


async def delete_role(change: Change, role_id: int) -> None:
    """Raises RowMissing, RowInUse while users have it, a Problem for the built-in one."""
    await change_access_alone(change.connection)
    _refuse_built_in(await fetch_row(change.connection, role, role_id, lock=True))
    await set_menus(change.connection, role_id, [])
    before = await delete_row(change.connection, role, role_id)
    await change.record("delete", role.name, role_id, before=before)


def _refuse_built_in(row: Row) -> None:
    if row["built_in"]:
        raise Problem(409, "built-in-role", "the administrator's role cannot be changed", "内置管理员角色不可修改")
