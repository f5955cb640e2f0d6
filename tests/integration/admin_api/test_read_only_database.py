"""A MySQL that takes no writes, as a replica or after a failover: busy, never a fault; nothing is written, lists go on."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from admin_api.tables.access import role as admin_role
from openplatform.adapters.embedded import Embedded
from openplatform.errors import PlatformUnavailable
from openplatform.sql import Database, OutcomeUnknown, open_database
from tests.admin_world import open_world, refusal
from tests.integration.admin_api.conftest import settings_for
from tests.servers.mariadb import execute

CHANGE = sa.update(admin_role).values(remark="x")


class Switch:
    """Makes the server of the tests read-only for everybody but its administrator."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url

    async def read_only(self, is_on: bool) -> None:
        await asyncio.to_thread(execute, self._server_url, f"SET GLOBAL read_only = {int(is_on)}")


@pytest.fixture
async def plain_url(database_url: str, mariadb_url: str) -> AsyncIterator[str]:
    """The migrated database for a user whom read_only binds."""
    name, password = f"plain_{secrets.token_hex(4)}", secrets.token_hex(12)
    schema = database_url.rpartition("/")[2]
    for statement in (
        f"CREATE USER '{name}'@'127.0.0.1' IDENTIFIED BY '{password}'",
        f"GRANT ALL ON `{schema}`.* TO '{name}'@'127.0.0.1'",
    ):
        await asyncio.to_thread(execute, mariadb_url, statement)
    yield f"mysql+asyncmy://{name}:{password}@{database_url.rpartition('@')[2]}"
    await asyncio.to_thread(execute, mariadb_url, f"DROP USER '{name}'@'127.0.0.1'")


@pytest.fixture
async def switch(mariadb_url: str) -> AsyncIterator[Switch]:
    switch = Switch(mariadb_url)
    yield switch
    await switch.read_only(False)


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
async def test_changes_are_refused_as_busy_and_lists_are_shown(plain_url: str, switch: Switch) -> None:
    """503 with when to try again, as a document and as a page's notice; when it writes again, so does admin_api."""
    async with open_world(settings_for(plain_url), Embedded()) as world:
        admin = await world.administrator()
        owner = await admin.made("/customers", username="before")
        await switch.read_only(True)
        for answer in (
            await admin.post("/customers", {"username": "meanwhile"}),
            await admin.patch(f"/customers/{owner['id']}", {"version": 1, "nickname": "meanwhile"}),
        ):
            assert refusal(answer) == (503, "platform-unavailable")
            assert answer.headers["retry-after"] and "takes no writes" in answer.json()["detail"]
        form = await admin.http.post("/customers/new", data={"username": "meanwhile"}, headers={"HX-Request": "true"})
        assert (form.status_code, form.headers.get("hx-retarget")) == (503, "#notice"), form.text
        login = await admin.post("/login", {"email": "a@pailou.example", "password": "x"})
        assert login.status_code == 503
        assert [row["username"] for row in (await admin.shown("/customers"))["items"]] == ["before"]
        await switch.read_only(False)
        await admin.made("/customers", username="after")


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
async def test_a_commit_that_is_refused_is_known_to_be_undone(plain_url: str, switch: Switch) -> None:
    """The server turns read-only within a transaction: nobody has to ask what became of it."""
    async with open_database(plain_url) as database:

        async def cut_off() -> None:
            async with database.begin() as connection:
                await connection.execute(CHANGE)
                await switch.read_only(True)

        with pytest.raises(PlatformUnavailable) as refused:
            await cut_off()
        assert not isinstance(refused.value, OutcomeUnknown)


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
@pytest.mark.parametrize("code", [1030, 1036, 1290, 1792, 1836, 3100])
async def test_every_way_to_take_no_writes_is_the_databases(database_url: str, code: int) -> None:
    """As the server sends it: never a fault of ours, and the connection is good for the next one, or replaced."""
    async with open_database(database_url) as database:
        for _ in range(12):
            with pytest.raises(PlatformUnavailable, match="takes no writes"):
                async with database.begin() as connection:
                    await connection.exec_driver_sql(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}")
        await answers(database)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_file_that_cannot_be_written_is_no_fault_either(database_url: str) -> None:
    """SQLite says that it is read-only or full by codes of its own."""
    async with open_database(database_url) as database:

        async def write() -> None:
            async with database.begin() as connection:
                await connection.exec_driver_sql("PRAGMA query_only = ON")
                await connection.execute(CHANGE)

        with pytest.raises(PlatformUnavailable, match="takes no writes"):
            await write()


async def answers(database: Database) -> None:
    async with database.read() as connection:
        assert (await connection.execute(sa.text("SELECT 1"))).scalar_one() == 1
