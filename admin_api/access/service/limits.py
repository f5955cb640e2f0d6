"""What no operator may do however wide their permissions are: rise above themselves, or leave nobody in charge."""

from collections.abc import Iterable, Sequence

from admin_api.access.repository.roles import perms_by_menu, roles_by_id
from admin_api.access.repository.users import administrators_left, roles_of_users
from admin_api.outbox.changes import Change
from admin_api.security.permissions import EVERYTHING
from admin_api.security.problems import Problem, invalid_field
from admin_api.security.repository import perms_of_roles
from openplatform.sql import AsyncConnection


async def refuse_above(change: Change, user_id: int) -> None:
    """Raises a 403 Problem when the user holds, by any role, what the asking operator does not."""
    role_ids = (await roles_of_users(change.connection, [user_id])).get(user_id, [])
    if not change.by.permissions.allows_all(await _grants(change.connection, role_ids)):
        raise Problem(
            403, "above-you", "this user has permissions that you do not have", "该用户的权限高于您，不能操作"
        )


async def refuse_handing_out(change: Change, role_ids: Sequence[int]) -> None:
    """Raises a 422 Problem for an unknown role, a 403 for one that grants what the asking operator does not hold."""
    if set(await roles_by_id(change.connection, role_ids)) != set(role_ids):
        raise invalid_field("role_ids", "names a role that does not exist")
    _refuse_wider(change, await _grants(change.connection, role_ids))


async def refuse_granting(change: Change, menu_ids: Iterable[int]) -> None:
    """The same for menus that a role is to have."""
    wanted = set(menu_ids)
    found = await perms_by_menu(change.connection, wanted)
    if set(found) != wanted:
        raise invalid_field("menu_ids", "names a menu that does not exist")
    _refuse_wider(change, (perms for perms in found.values() if perms))


def refuse_permission(change: Change, perms: str) -> None:
    """The same for one permission that a menu is to carry."""
    if perms:
        _refuse_wider(change, [perms])


async def keep_an_administrator(change: Change) -> None:
    """Raises a 409 Problem when this change leaves no enabled user with the built-in role."""
    if await administrators_left(change.connection) == 0:
        raise Problem(409, "last-administrator", "somebody must remain administrator", "必须保留至少一名启用的管理员")


async def _grants(connection: AsyncConnection, role_ids: Sequence[int]) -> Iterable[str]:
    roles = await roles_by_id(connection, role_ids)
    if any(row["built_in"] for row in roles.values()):
        return [EVERYTHING]
    return await perms_of_roles(connection, role_ids)


def _refuse_wider(change: Change, wanted: Iterable[str]) -> None:
    wider = sorted(perms for perms in wanted if not change.by.permissions.allows(perms))
    if wider:
        raise Problem(
            403, "wider-than-yours", f"you cannot hand out what you do not have: {', '.join(wider[:5])}",
            "不能授予自己没有的权限", more={"missing": wider},
        )  # fmt: skip
