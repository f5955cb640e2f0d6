"""Compares what migrations build with what the tables say: by alembic, and by the database's own words."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from openplatform.sql import alembic_config, open_engine, upgrade
from tests.business_services import empty_database_url


async def assert_migrations_build_the_tables(
    request: pytest.FixtureRequest, backend: str, folder: Path, package: str, metadata: sa.MetaData
) -> None:
    """Upgrades one database twice, creates the tables in another, compares, and downgrades the first to nothing."""
    migrated = empty_database_url(request, backend, folder, f"{package}_migrated")
    created = empty_database_url(request, backend, folder, f"{package}_created")
    for _ in range(2):
        await asyncio.to_thread(upgrade, migrated, package)

    def differences(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        return list(compare_metadata(context, metadata))

    assert await _in(migrated, differences) == []
    await _in(created, metadata.create_all)
    wanted = await _in(created, _definitions)
    built = await _in(migrated, _definitions)
    assert {name: text for name, text in built.items() if "alembic_version" not in name} == wanted

    await asyncio.to_thread(command.downgrade, alembic_config(migrated, package), "base")
    assert await _in(migrated, lambda connection: sa.inspect(connection).get_table_names()) == ["alembic_version"]


async def _in(url: str, work: Any) -> Any:
    engine = open_engine(url)
    async with engine.begin() as connection:
        done = await connection.run_sync(work)
    await engine.dispose()
    return done


def _definitions(connection: sa.Connection) -> dict[str, list[str]]:
    """Table or index → the lines of its CREATE statement, sorted: indexes come in any order."""
    if connection.dialect.name == "sqlite":
        texts = {name: sql or "" for name, sql in connection.execute(sa.text("SELECT name, sql FROM sqlite_master"))}
    else:
        names = sa.inspect(connection).get_table_names()
        texts = {name: connection.execute(sa.text(f"SHOW CREATE TABLE `{name}`")).one()[1] for name in names}
    # SQLite quotes the name of a table that a migration has copied.
    texts = {name: text.replace(f'CREATE TABLE "{name}"', f"CREATE TABLE {name}") for name, text in texts.items()}
    # ADD COLUMN writes behind the last column, in its line.
    texts = {name: re.sub(r" NOT NULL, (?=\w)", " NOT NULL,\n", text) for name, text in texts.items()}
    texts = {name: re.sub(r" AUTO_INCREMENT=\d+", "", text) for name, text in texts.items()}  # migrations may add rows
    return {name: sorted(line.strip().rstrip(",") for line in text.splitlines()) for name, text in texts.items()}
