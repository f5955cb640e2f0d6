"""The migrations of admin_api build exactly what its tables say, and seed it."""

from pathlib import Path

import pytest

from admin_api.tables.access import menu, role
from admin_api.tables.apis import api_systemparam
from admin_api.tables.metadata import metadata
from tests.admin_world import World
from tests.business_schema import assert_migrations_build_the_tables
from tests.business_services import BACKENDS


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
