"""Operators: made with roles, disabled, given a new password, deleted."""

import secrets
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from admin_api.access.repository.password_links import forget_links_of
from admin_api.access.repository.preferences import forget_preferences
from admin_api.access.repository.roles import built_in_role
from admin_api.access.repository.users import change_access_alone, roles_of_users, set_roles, there_are_users
from admin_api.access.service.limits import keep_an_administrator, refuse_above, refuse_handing_out
from admin_api.outbox.changes import Change, Changes
from admin_api.security.operators import SYSTEM
from admin_api.security.passwords import PASSWORD_LENGTH, Password, Passwords
from admin_api.security.problems import Problem
from admin_api.security.repository import end_sessions_of
from admin_api.tables.access import admin_user
from admin_api.tables.rows import Row, delete_row, edit_row, fetch_row, insert_row, update_row
from admin_api.tables.shapes import UNSET, Body, BodyId, Edit, Line20, State
from openplatform.records import MAIL_ADDRESS


def _address(email: str) -> str:
    if MAIL_ADDRESS.fullmatch(email) is None:
        raise ValueError("must be an e-mail address")
    return email


Email = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=100), AfterValidator(_address)
]
RoleIds = Annotated[list[BodyId], Field(max_length=50)]


class UserDraft(Body):
    """A new operator. Without a password one is made up; either is to be changed at the first login."""

    email: Email
    real_name: Line20
    password: Password | None = None
    status: State = 1
    role_ids: RoleIds = []


class UserEdit(Edit):
    """Disabling a user, or changing their roles, ends their sessions."""

    real_name: Line20 = UNSET
    status: State = UNSET
    role_ids: RoleIds = UNSET


def new_password() -> str:
    """16 characters to type once, 96 random bits."""
    return secrets.token_urlsafe(12)


async def create_user(
    change: Change, draft: UserDraft, password_hash: str, *, must_change_password: bool = True
) -> Row:
    """The new row. Raises ValueTaken for the address, a Problem for roles that cannot be given."""
    await change_access_alone(change.connection)
    await refuse_handing_out(change, draft.role_ids)
    values = draft.model_dump(exclude={"role_ids", "password"}) | {
        "password": password_hash,
        "must_change_password": must_change_password,
    }
    row = await insert_row(change.connection, admin_user, values, unique=("email",))
    await set_roles(change.connection, row["id"], draft.role_ids)
    await change.record("create", admin_user.name, row["id"], after=row | {"role_ids": sorted(set(draft.role_ids))})
    return row


async def edit_user(change: Change, user_id: int, edit: UserEdit) -> Row:
    """The row after the edit. Raises RowMissing, RowStale, a Problem for what the operator may not do."""
    await change_access_alone(change.connection)
    await refuse_above(change, user_id)
    values = edit.changes()
    role_ids = values.pop("role_ids", None)
    before, after = await edit_row(change.connection, admin_user, user_id, edit.version, values)
    if user_id == change.by.user_id and after["status"] == 0:
        raise Problem(409, "own-account", "you cannot disable yourself", "不能停用自己的账号")
    had = (await roles_of_users(change.connection, [user_id])).get(user_id, [])
    has = had
    if role_ids is not None and sorted(set(role_ids)) != had:
        has = sorted(set(role_ids))
        await refuse_handing_out(change, has)
        await set_roles(change.connection, user_id, has)
    if after["status"] == 0 or has != had:
        await end_sessions_of(change.connection, user_id)
        await keep_an_administrator(change)
    await change.record("edit", admin_user.name, user_id, before | {"role_ids": had}, after | {"role_ids": has})
    return after


async def reset_password(change: Change, user_id: int, password_hash: str) -> Row:
    """A new password, to be changed at the next login; ends the user's sessions. Raises RowMissing, a Problem."""
    if user_id == change.by.user_id:
        raise Problem(409, "own-account", "change your own password: PUT /api/v1/me/password", "请使用修改密码功能")
    await change_access_alone(change.connection)
    before = await fetch_row(change.connection, admin_user, user_id, lock=True)
    await refuse_above(change, user_id)
    new = {"password": password_hash, "must_change_password": True}
    after = await update_row(change.connection, admin_user, before, new)
    await forget_links_of(change.connection, user_id)
    await end_sessions_of(change.connection, user_id)
    await change.record("reset-password", admin_user.name, user_id, before, after)
    return after


async def sign_out_user(change: Change, user_id: int) -> int:
    """Ends all sessions of the user; returns how many. Raises RowMissing."""
    await fetch_row(change.connection, admin_user, user_id)
    await refuse_above(change, user_id)
    ended = await end_sessions_of(change.connection, user_id)
    await change.record("sign-out", admin_user.name, user_id, after={"ended_sessions": ended})
    return ended


async def delete_user(change: Change, user_id: int) -> None:
    """Deletes the user; what they did stays in the audit log. Raises RowMissing, a Problem for oneself or the last administrator."""
    if user_id == change.by.user_id:
        raise Problem(409, "own-account", "you cannot delete yourself", "不能删除自己的账号")
    await change_access_alone(change.connection)
    await refuse_above(change, user_id)
    await end_sessions_of(change.connection, user_id)
    await set_roles(change.connection, user_id, [])
    await forget_links_of(change.connection, user_id)
    await forget_preferences(change.connection, user_id)
    before = await delete_row(change.connection, admin_user, user_id)
    await keep_an_administrator(change)
    await change.record("delete", admin_user.name, user_id, before=before)


async def make_first_administrator(
    changes: Changes, passwords: Passwords, *, email: str, password: str, must_change_password: bool = True
) -> bool:
    """Makes the first user, with the built-in role; False when there is a user already. Raises ValueError for a bad password."""
    if not PASSWORD_LENGTH[0] <= len(password) <= PASSWORD_LENGTH[1]:
        raise ValueError(f"the password must have {PASSWORD_LENGTH[0]} to {PASSWORD_LENGTH[1]} characters")
    hashed = await passwords.hash(password)

    async def work(change: Change) -> bool:
        await change_access_alone(change.connection)
        if await there_are_users(change.connection):
            return False
        role_ids = [await built_in_role(change.connection)]
        draft = UserDraft(email=email, real_name="administrator", role_ids=role_ids)
        await create_user(change, draft, hashed, must_change_password=must_change_password)
        return True

    return (await changes.make(SYSTEM, work)).value
