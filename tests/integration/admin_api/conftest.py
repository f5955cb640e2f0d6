"""admin_api over MariaDB and over SQLite, each migrated once and emptied between tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from admin_api.settings import AdminSettings
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from tests.admin_world import MASTER_KEYS, ZONE, Caller, Seeds, World, open_world, read_seeds, restore_seeds
from tests.servers.mariadb import drop_database
from tests.servers.mariadb import fresh_database as create_database

T = TypeVar("T")


def _aside(work: Callable[[], T]) -> T:
    """In a thread: an async fixture may ask for this one while its loop runs."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be copied."""
    path = tmp_path_factory.mktemp("admin") / "migrated.db"
    _aside(lambda: upgrade(f"sqlite+aiosqlite:///{path}", "admin_api"))
    return path


@pytest.fixture(scope="session")
def migrated_mariadb(mariadb_url: str) -> Iterator[tuple[str, Seeds]]:
    """One database for all tests, and what the migrations put into it."""
    url = create_database(mariadb_url, "admin")
    _aside(lambda: upgrade(url, "admin_api"))
    yield url, _aside(lambda: asyncio.run(read_seeds(url)))
    drop_database(url)


@pytest.fixture(params=["mariadb", "sqlite"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database with nothing but its seeds."""
    if request.param == "sqlite":
        copy = tmp_path / "admin.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), copy)
        return f"sqlite+aiosqlite:///{copy}"
    url, seeds = request.getfixturevalue("migrated_mariadb")
    await restore_seeds(url, seeds)
    return str(url)


@pytest.fixture
def settings(database_url: str) -> AdminSettings:
    return settings_for(database_url)


def settings_for(database_url: str, redis_url: str = "memory://") -> AdminSettings:
    return AdminSettings(
        database_url=database_url,
        redis_url=redis_url,
        rabbitmq_url="memory://",
        internal_keys=("key-of-the-integration-tests",),
        master_keys=MASTER_KEYS,
        time_zone=ZONE,
        port=1,
    )


@pytest.fixture
async def world(settings: AdminSettings) -> AsyncIterator[World]:
    """admin_api with its relay, over an in-process Redis."""
    async with open_world(settings, Embedded()) as opened:
        yield opened


@pytest.fixture
async def admin(world: World) -> Caller:
    """An administrator of that world."""
    return await world.administrator()


@pytest.fixture
def make_settings() -> Callable[..., AdminSettings]:
    return settings_for
