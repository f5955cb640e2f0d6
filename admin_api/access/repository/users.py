"""Operators with their roles and last logins; own sessions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.security.repository import SUCCEEDED
from admin_api.tables.access import admin_user, login_log, operator_session, role, user_role
from admin_api.tables.listing import Listing, contains, fetch_page
from admin_api.tables.rows import Row, fetch_rows, take_mutex
from admin_api.tables.shapes import Search
from openplatform.sql import AsyncConnection


class UserListing(Listing):
    """q: in the address or the name."""

    q: Search | None = None
    status: Annotated[int, Field(ge=0, le=1)] | None = None
    sort: Literal["id", "-id", "email", "-email", "real_name", "-real_name", "status", "-status"] = "id"


async def list_users(connection: AsyncConnection, listing: UserListing) -> tuple[list[Row], int]:
    """The page and the total."""
    u = admin_user.c
    query = sa.select(admin_user)
    if listing.q is not None:
        query = query.where(contains(listing.q, u.email, u.real_name))
    if listing.status is not None:
        query = query.where(u.status == listing.status)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=u, tie=u.id)


async def there_are_users(connection: AsyncConnection) -> bool:
    """False in a new database."""
    return (await connection.execute(sa.select(admin_user.c.id).limit(1))).first() is not None


async def administrators_left(connection: AsyncConnection) -> int:
    """How many enabled users have the built-in role."""
    query = (
        sa.select(sa.func.count())
        .select_from(admin_user)
        .join(user_role, user_role.c.user_id == admin_user.c.id)
        .join(role, role.c.id == user_role.c.role_id)
        .where(admin_user.c.status == 1, role.c.built_in == 1, role.c.status == 1)
    )
    return (await connection.execute(query)).scalar_one()


async def roles_of_users(connection: AsyncConnection, user_ids: Sequence[int]) -> dict[int, list[int]]:
    """user id → role ids, active or not, ascending."""
    query = sa.select(user_role).where(user_role.c.user_id.in_(user_ids)).order_by(user_role.c.role_id)
    roles: dict[int, list[int]] = {}
    for row in await connection.execute(query):
        roles.setdefault(row.user_id, []).append(row.role_id)
    return roles


async def set_roles(connection: AsyncConnection, user_id: int, role_ids: Iterable[int]) -> None:
    """The user has these roles and no others."""
    await connection.execute(sa.delete(user_role).where(user_role.c.user_id == user_id))
    rows = [{"user_id": user_id, "role_id": role_id} for role_id in sorted(set(role_ids))]
    if rows:
        await connection.execute(sa.insert(user_role), rows)


async def last_logins(connection: AsyncConnection, emails: Sequence[str]) -> dict[str, datetime]:
    """address → last successful login, of users who have one; found from the newest attempt backwards."""
    log, u = login_log.c, admin_user.c
    last = (
        sa.select(log.create_time)
        .where(log.email == u.email, log.outcome == SUCCEEDED)
        .order_by(log.create_time.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(u.email, last.label("last")).where(u.email.in_(emails))
    return {row.email: row.last for row in await connection.execute(query) if row.last is not None}


async def sessions_of(connection: AsyncConnection, user_id: int) -> list[Row]:
    """The user's sessions, the last opened first."""
    s = operator_session.c
    return await fetch_rows(
        connection, sa.select(operator_session).where(s.user_id == user_id).order_by(s.create_time.desc())
    )


async def end_session_of(connection: AsyncConnection, user_id: int, session_hash: str) -> bool:
    """Ends one session of this user; False when there is none."""
    s = operator_session.c
    ended = sa.delete(operator_session).where(s.id_hash == session_hash, s.user_id == user_id)
    return (await connection.execute(ended)).rowcount > 0


async def change_access_alone(connection: AsyncConnection) -> None:
    """Lets no other change of operators, roles or menus run beside this transaction."""
    await take_mutex(connection, "access")
