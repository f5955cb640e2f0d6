"""The migrations of admin_api build exactly what its tables say, and seed it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from admin_api.tables.access import menu, role, role_menu
from admin_api.tables.apis import api_systemparam, app_mapping
from admin_api.tables.apps import app_info, customer, user_token
from admin_api.tables.metadata import metadata
from openplatform.sql import alembic_config, open_database, upgrade
from tests.admin_world import World
from tests.business_schema import assert_migrations_build_the_tables
from tests.business_services import BACKENDS, empty_database_url


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_migrated_schema_is_the_one_of_the_tables(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path
) -> None:
    """Types, lengths, keys, indexes and collations; a downgrade leaves nothing, an upgrade may repeat."""
    await assert_migrations_build_the_tables(request, backend, tmp_path, "admin_api", metadata)


async def test_a_new_database_has_the_menu_tree_three_roles_and_the_protocols_parameters(world: World) -> None:
    """Every menu hangs on one that exists and fits, buttons have permissions and no icon, nobody is granted everything."""
    menus = {row["id"]: row for row in await world.rows(menu)}
    for row in menus.values():
        if row["parent_id"]:
            assert menus[row["parent_id"]]["type"] == (1 if row["type"] == 2 else 0), row
        assert row["perms"] != "*:*:*"
        assert row["type"] != 2 or (row["perms"] and not row["icon"])
    assert [(row["name"], row["built_in"]) for row in await world.rows(role)] == [
        ("administrator", 1),
        ("operator", 0),
        ("read-only", 0),
    ]
    assert {row["name"] for row in await world.rows(api_systemparam)} == {"method", "app_key", "timestamp", "v", "sign"}


@pytest.mark.parametrize("backend", BACKENDS)
async def test_who_could_call_before_grants_can_call_after_them(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path
) -> None:
    """APIs that existed become open, scopes that nobody read become empty; operators may grant."""
    url = empty_database_url(request, backend, tmp_path, "admin_before_grants")
    await asyncio.to_thread(command.upgrade, alembic_config(url, "admin_api"), "0003")
    async with open_database(url) as database:
        async with database.begin() as connection:
            await connection.execute(sa.insert(customer).values(_CUSTOMER))
            await connection.execute(sa.insert(app_info).values(_APP))
            await connection.execute(sa.insert(user_token).values(_TOKEN))
            await connection.execute(sa.insert(app_mapping).values(_MAPPING))
        await asyncio.to_thread(upgrade, url, "admin_api")
        async with database.read() as connection:
            mapping = (await connection.execute(sa.select(app_mapping.c.is_open, app_mapping.c.version))).one()
            scope = (await connection.execute(sa.select(user_token.c.scope))).scalar_one()
            grants = sa.select(role_menu.c.role_id).join(menu, menu.c.id == role_menu.c.menu_id)
            roles = (await connection.execute(grants.where(menu.c.perms == "gw:app:grant"))).scalars().all()
    assert (tuple(mapping), scope, roles) == ((1, 2), "", [2])


_THEN = datetime(2026, 1, 1, tzinfo=UTC)
_CUSTOMER = {
    "id": 1, "username": "u", "password": "", "nickname": "", "address": "", "state": 1, "money": 0,
}  # fmt: skip
_APP = {
    "id": 1, "corp_name": "c", "app_name": "a", "app_key": "1", "app_secret": "", "redirect_url": "", "daily_limit": 1,
    "description": "", "cus_id": 1, "state": 1,
}  # fmt: skip
_TOKEN = {
    "app_id": 1, "user_id": 1, "access_token": "h", "expire_time": _THEN, "start_time": _THEN, "token_hint": "", "scope": "all",
}  # fmt: skip
_MAPPING = {
    "gateway_api_name": "open.a.get", "inside_api_url": "/a", "state": 1, "description": "", "service_id": "s",
    "http_method": "GET", "timeout_ms": 1, "price_fen": 0, "cache_ttl_s": 0, "list_items": "{}", "sensitive": "[]",
    "api_version": "", "api_group": "",
}  # fmt: skip
