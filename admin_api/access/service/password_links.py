"""A forgotten password: an administrator hands out a link, by which its operator sets a new one, once."""

import secrets
from datetime import datetime, timedelta

from admin_api.access.repository.password_links import add_link, find_link, forget_links_of
from admin_api.access.repository.users import change_access_alone
from admin_api.access.service.limits import refuse_above
from admin_api.outbox.changes import Change, Changes
from admin_api.security.operators import Operator
from admin_api.security.passwords import Passwords
from admin_api.security.permissions import Permissions
from admin_api.security.problems import Problem
from admin_api.security.repository import end_sessions_of
from admin_api.security.sessions import hash_of
from admin_api.tables.access import admin_user
from admin_api.tables.rows import fetch_row, update_row
from openplatform.sql import AsyncConnection

GOOD_FOR = timedelta(hours=24)
"""Long enough to reach a colleague; links lie about in chats."""


async def make_link(change: Change, user_id: int) -> tuple[str, datetime]:
    """The link's token (256 random bits, nobody can see it again) and its end. The password stays until the link is used.

    Raises RowMissing, a Problem for oneself and for who stands above.
    """
    if user_id == change.by.user_id:
        raise Problem(409, "own-account", "change your own password: PUT /api/v1/me/password", "请使用修改密码功能")
    await change_access_alone(change.connection)
    await fetch_row(change.connection, admin_user, user_id, lock=True)
    await refuse_above(change, user_id)
    token, ends = secrets.token_urlsafe(32), change.now + GOOD_FOR
    await add_link(change.connection, hash_of(token), user_id, now=change.now, expire_time=ends)
    await change.record("make-password-link", admin_user.name, user_id, after={"expire_time": ends})
    return token, ends


async def set_password_by_link(
    changes: Changes, passwords: Passwords, token: str, password: str, *, remote_ip: str, request_id: str
) -> None:
    """What a stranger with the link does. Raises a 410 Problem for a link that is gone, before the work of hashing."""
    async with changes.database.read() as connection:
        await _refuse_gone_link(connection, token, changes.now())
    hashed = await passwords.hash(password)
    by = Operator(
        user_id=None, email="password link", permissions=Permissions(), remote_ip=remote_ip, request_id=request_id
    )
    await changes.make(by, lambda change: _use_link(change, token, hashed))


async def _refuse_gone_link(connection: AsyncConnection, token: str, now: datetime) -> int:
    """Whose link it is. Raises a 410 Problem for a link that is unknown, used, too old, or of an operator who is disabled."""
    link = await find_link(connection, hash_of(token))
    if link is None or link["expire_time"] <= now:
        raise _gone()
    if (await fetch_row(connection, admin_user, link["user_id"]))["status"] != 1:
        raise _gone()
    return int(link["user_id"])


async def _use_link(change: Change, token: str, password_hash: str) -> str:
    """Sets the password, ends all sessions and links of the operator; returns their address. Raises as `_refuse_gone_link`."""
    user_id = await _refuse_gone_link(change.connection, token, change.now)
    before = await fetch_row(change.connection, admin_user, user_id, lock=True)
    new = {"password": password_hash, "must_change_password": False}
    after = await update_row(change.connection, admin_user, before, new)
    await forget_links_of(change.connection, before["id"])
    await end_sessions_of(change.connection, before["id"])
    await change.record("use-password-link", admin_user.name, before["id"], before, after)
    return str(before["email"])


def _gone() -> Problem:
    return Problem(
        410,
        "link-gone",
        "this link was used, has expired or never existed: ask an administrator for another",
        "链接已使用、已过期或不存在，请联系管理员重新生成",
    )
