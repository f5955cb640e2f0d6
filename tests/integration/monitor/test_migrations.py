"""The migrations build exactly what the tables say."""

import asyncio
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from monitor.tables import metadata
from openplatform.sql import Database, alembic_config, upgrade


async def test_the_migrated_schema_is_the_one_of_the_tables(database: Database) -> None:
    """Nothing to add, remove or alter: columns, types, keys, indexes and comments."""

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        return list(compare_metadata(context, metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_upgrading_again_changes_nothing_and_downgrading_leaves_nothing(
    database: Database, database_url: str
) -> None:
    """Every start may upgrade; a downgrade takes all tables away."""
    await asyncio.to_thread(upgrade, database_url, "monitor")
    await asyncio.to_thread(command.downgrade, alembic_config(database_url, "monitor"), "base")
    async with database.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["alembic_version"]
