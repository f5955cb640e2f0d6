"""An operator's own account: its password and its sessions."""

from datetime import datetime

from admin_api.access.repository.password_links import forget_links_of
from admin_api.access.repository.users import end_session_of
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.security.repository import end_sessions_of
from admin_api.security.sessions import Sessions
from admin_api.tables.access import admin_user, operator_session
from admin_api.tables.rows import RowMissing, fetch_row, update_row


async def change_own_password(
    change: Change, sessions: Sessions, verified_hash: str, password_hash: str, *, user_agent: str
) -> tuple[str, datetime]:
    """Sets the password, ends all sessions, opens a new one: its id and end.

    verified_hash: what the old password was compared with. Raises a 409 Problem when it was changed meanwhile.
    """
    user_id = change.by.user_id
    if user_id is None:
        raise TypeError("the platform itself has no password")
    before = await fetch_row(change.connection, admin_user, user_id, lock=True)
    if before["password"] != verified_hash:
        raise Problem(409, "stale-version", "the password was changed in another place just now", "密码已在别处被修改")
    new = {"password": password_hash, "must_change_password": False}
    after = await update_row(change.connection, admin_user, before, new)
    await change.record("change-password", admin_user.name, user_id, before, after)
    await forget_links_of(change.connection, user_id)
    await end_sessions_of(change.connection, user_id)
    return await sessions.open(change.connection, user_id, remote_ip=change.by.remote_ip, user_agent=user_agent)


async def end_own_session(change: Change, session_hash: str) -> None:
    """Raises RowMissing for a session that is not the operator's own. No audit: it concerns nobody else."""
    change.decides_access = True
    if not await end_session_of(change.connection, change.by.user_id or 0, session_hash):
        raise RowMissing(operator_session.name, "of this operator")
