"""The monitor's database, migrated, on both kinds of server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from openplatform.sql import Database, open_database, upgrade


@pytest.fixture(params=["mariadb", "sqlite"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty monitor database."""
    if request.param == "mariadb":
        fresh_database: Callable[[str], str] = request.getfixturevalue("fresh_database")
        url = fresh_database("monitor")
    else:
        url = f"sqlite+aiosqlite:///{tmp_path}/monitor.db"
    await asyncio.to_thread(upgrade, url, "monitor")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened
