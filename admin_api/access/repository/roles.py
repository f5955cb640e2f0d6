"""Roles with their menus, and the tree of menus."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from admin_api.tables.access import admin_user, menu, role, role_menu, user_role
from admin_api.tables.listing import Listing, contains, fetch_page
from admin_api.tables.rows import Row, fetch_rows, find_row
from admin_api.tables.shapes import Search
from openplatform.sql import AsyncConnection


class RoleListing(Listing):
    """q: in the name or the remark."""

    q: Search | None = None
    status: Annotated[int, Field(ge=0, le=1)] | None = None
    sort: Literal["id", "-id", "name", "-name", "status", "-status"] = "id"


async def list_roles(connection: AsyncConnection, listing: RoleListing) -> tuple[list[Row], int]:
    """The page and the total."""
    query = sa.select(role)
    if listing.q is not None:
        query = query.where(contains(listing.q, role.c.name, role.c.remark))
    if listing.status is not None:
        query = query.where(role.c.status == listing.status)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=role.c, tie=role.c.id)


async def roles_by_id(connection: AsyncConnection, role_ids: Sequence[int]) -> dict[int, Row]:
    """id → row, of those that exist."""
    rows = await fetch_rows(connection, sa.select(role).where(role.c.id.in_(role_ids)))
    return {row["id"]: row for row in rows}


async def all_roles(connection: AsyncConnection) -> list[Row]:
    """Every role, by name: there are few."""
    return await fetch_rows(connection, sa.select(role).order_by(role.c.built_in.desc(), role.c.name))


async def members_of(connection: AsyncConnection, role_id: int) -> list[Row]:
    """id, email, real_name and status of the role's users, at most 200."""
    u = admin_user.c
    query = sa.select(u.id, u.email, u.real_name, u.status).join(user_role, user_role.c.user_id == u.id)
    return await fetch_rows(connection, query.where(user_role.c.role_id == role_id).order_by(u.email).limit(200))


async def counts_of_members(connection: AsyncConnection, role_ids: Sequence[int]) -> dict[int, int]:
    """role id → how many users have it; none is left out."""
    r = user_role.c.role_id
    query = sa.select(r, sa.func.count().label("members")).where(r.in_(role_ids)).group_by(r)
    return {row.role_id: row.members for row in await connection.execute(query)}


async def built_in_role(connection: AsyncConnection) -> int:
    """The id of the administrator's role."""
    role_id: int = (await connection.execute(sa.select(role.c.id).where(role.c.built_in == 1))).scalar_one()
    return role_id


async def names_of_roles(connection: AsyncConnection, user_id: int | None) -> Sequence[str]:
    """The names of a user's roles."""
    query = sa.select(role.c.name).join(user_role, user_role.c.role_id == role.c.id).order_by(role.c.id)
    return (await connection.execute(query.where(user_role.c.user_id == user_id))).scalars().all()


async def menus_of_role(connection: AsyncConnection, role_id: int) -> list[int]:
    """The ids of the role's menus, ascending."""
    query = sa.select(role_menu.c.menu_id).where(role_menu.c.role_id == role_id).order_by(role_menu.c.menu_id)
    return list((await connection.execute(query)).scalars())


async def set_menus(connection: AsyncConnection, role_id: int, menu_ids: Iterable[int]) -> None:
    """The role has these menus and no others."""
    await connection.execute(sa.delete(role_menu).where(role_menu.c.role_id == role_id))
    rows = [{"role_id": role_id, "menu_id": menu_id} for menu_id in sorted(set(menu_ids))]
    if rows:
        await connection.execute(sa.insert(role_menu), rows)


async def all_menus(connection: AsyncConnection) -> list[Row]:
    """Every entry, level by level in their order."""
    return await fetch_rows(connection, sa.select(menu).order_by(menu.c.parent_id, menu.c.order_num, menu.c.id))


async def perms_by_menu(connection: AsyncConnection, menu_ids: Iterable[int]) -> dict[int, str]:
    """id → permission, of those that exist."""
    query = sa.select(menu.c.id, menu.c.perms).where(menu.c.id.in_(set(menu_ids)))
    return {row.id: row.perms for row in await connection.execute(query)}


async def find_menu(connection: AsyncConnection, menu_id: int) -> Row | None:
    """The entry, or None."""
    return await find_row(connection, sa.select(menu).where(menu.c.id == menu_id))


async def has_children(connection: AsyncConnection, menu_id: int) -> bool:
    """True if entries lie below."""
    return (
        await connection.execute(sa.select(menu.c.id).where(menu.c.parent_id == menu_id).limit(1))
    ).first() is not None


async def take_from_roles(connection: AsyncConnection, menu_id: int) -> None:
    """No role grants this entry any more."""
    await connection.execute(sa.delete(role_menu).where(role_menu.c.menu_id == menu_id))


async def menus_granted_to(connection: AsyncConnection, user_id: int | None) -> Sequence[int]:
    """The ids of the entries that the user's active roles grant."""
    query = (
        sa.select(role_menu.c.menu_id)
        .join(role, role.c.id == role_menu.c.role_id)
        .join(user_role, user_role.c.role_id == role.c.id)
        .where(user_role.c.user_id == user_id, role.c.status == 1)
    )
    return (await connection.execute(query)).scalars().all()
