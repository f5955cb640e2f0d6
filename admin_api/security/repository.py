"""The queries behind signing in: operators, sessions, permissions, attempts, audit rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from admin_api.tables.access import (
    admin_audit_log,
    admin_user,
    login_log,
    menu,
    operator_session,
    role,
    role_menu,
    user_role,
)
from admin_api.tables.rows import Row, fetch_rows, find_row, new_id, take_mutex
from openplatform.sql import AsyncConnection

FAILED, SUCCEEDED, REFUSED = 0, 1, 2
"""What login_log.outcome says."""


async def find_user(connection: AsyncConnection, email: str) -> Row | None:
    """id, password, status, must_change_password of the user with this address."""
    u = admin_user.c
    query = sa.select(u.id, u.password, u.status, u.must_change_password).where(u.email == email)
    return await find_row(connection, query)


async def set_password(connection: AsyncConnection, user_id: int, password_hash: str) -> None:
    """Stores the same password under today's parameters: no edit, so the version stays."""
    await connection.execute(sa.update(admin_user).where(admin_user.c.id == user_id).values(password=password_hash))


async def add_session(connection: AsyncConnection, session: Row, now: datetime) -> None:
    """Writes a session and throws out those that have expired."""
    await connection.execute(sa.delete(operator_session).where(operator_session.c.expire_time <= now))
    await connection.execute(sa.insert(operator_session).values(session))


async def find_session(connection: AsyncConnection, session_hash: str) -> Row | None:
    """The session with its enabled user: id_hash, seen_time, expire_time, user's id, email, real_name, must_change_password."""
    s, u = operator_session.c, admin_user.c
    query = (
        sa.select(s.id_hash, s.seen_time, s.expire_time, u.id, u.email, u.real_name, u.must_change_password)
        .join(admin_user, u.id == s.user_id)
        .where(s.id_hash == session_hash, u.status == 1)
    )
    return await find_row(connection, query)


async def touch_session(connection: AsyncConnection, session_hash: str, now: datetime) -> None:
    """The session was used."""
    s = operator_session.c
    await connection.execute(sa.update(operator_session).where(s.id_hash == session_hash).values(seen_time=now))


async def end_session(connection: AsyncConnection, session_hash: str) -> None:
    """Ends one session."""
    await connection.execute(sa.delete(operator_session).where(operator_session.c.id_hash == session_hash))


async def end_sessions_of(connection: AsyncConnection, user_id: int) -> int:
    """Ends all sessions of the user; returns how many."""
    ended = await connection.execute(sa.delete(operator_session).where(operator_session.c.user_id == user_id))
    return ended.rowcount


async def active_roles(connection: AsyncConnection, user_id: int) -> tuple[list[int], bool]:
    """The ids of the user's active roles, and whether the built-in one is among them."""
    query = (
        sa.select(role.c.id, role.c.built_in)
        .join(user_role, user_role.c.role_id == role.c.id)
        .where(user_role.c.user_id == user_id, role.c.status == 1)
    )
    rows = (await connection.execute(query)).all()
    return [row.id for row in rows], any(row.built_in for row in rows)


async def perms_of_roles(connection: AsyncConnection, role_ids: Sequence[int]) -> Iterable[str]:
    """The permissions that the menus of these roles carry."""
    if not role_ids:
        return ()
    query = (
        sa.select(menu.c.perms)
        .join(role_menu, role_menu.c.menu_id == menu.c.id)
        .where(role_menu.c.role_id.in_(role_ids), menu.c.perms != "")
    )
    return (await connection.execute(query)).scalars().all()


async def attempts_since(connection: AsyncConnection, email: str, remote_ip: str, since: datetime) -> list[Row]:
    """email, remote_ip, outcome, create_time of this account's or address' attempts, refused ones left out, oldest first.

    Until the transaction ends nobody else gets past here: attempts are counted one after another.
    """
    await take_mutex(connection, "login")
    log = login_log.c
    query = (
        sa.select(log.email, log.remote_ip, log.outcome, log.create_time)
        .where(sa.or_(log.email == email, log.remote_ip == remote_ip), log.create_time > since, log.outcome != REFUSED)
        .order_by(log.id)
    )
    return await fetch_rows(connection, query)


async def add_attempt(connection: AsyncConnection, attempt: Row) -> int:
    """The attempt's id."""
    return new_id(await connection.execute(sa.insert(login_log).values(attempt)))


async def settle_attempt(connection: AsyncConnection, attempt_id: int, outcome: int) -> None:
    """The attempt did not fail after all."""
    await connection.execute(sa.update(login_log).where(login_log.c.id == attempt_id).values(outcome=outcome))


async def forget_attempts(connection: AsyncConnection, before: datetime) -> int:
    """Deletes attempts from before then; returns how many."""
    return (await connection.execute(sa.delete(login_log).where(login_log.c.create_time < before))).rowcount


async def add_audit_rows(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Appends; nothing here changes or deletes such rows."""
    await connection.execute(sa.insert(admin_audit_log), rows)


async def last_changes(connection: AsyncConnection, table: str, row_ids: Sequence[int]) -> dict[int, Row]:
    """Row id → who and create_time of its latest change, of those that were ever changed by an operator."""
    audit = admin_audit_log.c
    latest = (
        sa.select(sa.func.max(audit.id))
        .where(audit.table_name == table, audit.row_id.in_([str(row_id) for row_id in row_ids]))
        .group_by(audit.row_id)
    )
    query = sa.select(audit.row_id, audit.who, audit.create_time).where(audit.id.in_(latest))
    return {int(row["row_id"]): row for row in await fetch_rows(connection, query)}


async def last_change_of(connection: AsyncConnection, table: str, row_id: int) -> Row | None:
    """who and create_time of the row's latest change."""
    audit = admin_audit_log.c
    query = (
        sa.select(audit.who, audit.create_time)
        .where(audit.table_name == table, audit.row_id == str(row_id))
        .order_by(audit.id.desc())
        .limit(1)
    )
    return await find_row(connection, query)
