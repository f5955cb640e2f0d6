"""What the rows of admin_api's database run on: `pailou serve admin` as in production, a full disk, and a proxy that cuts commits."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncmy
import httpx

from openplatform.sql import upgrade
from tests.faults.upstream import reset
from tests.gateway_world import INTERNAL_KEY, MASTER_KEYS
from tests.processes import Running, serve
from tests.proxy import Proxy
from tests.servers import MariaDB, free_port
from tests.servers.mariadb import execute, fresh_database

EMAIL, PASSWORD = "root@pailou.example", "correct horse battery"


class CommitCutter(Proxy):
    """Before MariaDB. marked: once a connection has sent these bytes, its COMMIT goes through and the answer does not: it is cut."""

    def __init__(self, to_port: int) -> None:
        super().__init__(to_port)
        self.marked: bytes | None = None
        self.cuts = 0

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far: asyncio.StreamWriter
    ) -> None:
        is_marked = False
        while data := await reader.read(65536):
            is_marked = is_marked or (self.marked is not None and self.marked in data)
            if is_marked and b"COMMIT" in data.upper():
                self.marked, self.cuts = None, self.cuts + 1
                far.write(data)
                await far.drain()
                self._writers.discard(writer)
                reset(writer)
                await asyncio.sleep(0.3)  # the server has it, and nobody hears what it says
                return
            far.write(data)

    async def _replies(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await super()._replies(far, writer)


class Operator:
    """An administrator of one admin_api, whichever process it is at the moment."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False, timeout=30)

    async def sign_in(self) -> None:
        answer = await self.http.post("/login", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        if answer.json()["must_change_password"]:
            new = {"old_password": PASSWORD, "new_password": PASSWORD + "!"}
            changed = await self.http.put("/me/password", json=new)
            assert changed.status_code == 200, changed.text
            self.http.headers["Authorization"] = f"Bearer {changed.json()['token']}"

    async def made(self, path: str, **fields: object) -> dict[str, Any]:
        answer = await self.http.post(path, json=fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def answers_again(self, path: str = "/apps", *, within_s: float) -> None:
        """Waits until a list is shown."""
        async with asyncio.timeout(within_s):
            while True:
                with suppress(httpx.HTTPError):
                    if (await self.http.get(path)).status_code == 200:
                        return
                await asyncio.sleep(0.05)


def admin_settings(database_url: str, redis_url: str, rabbitmq_url: str) -> dict[str, str]:
    """What admin_api reads, with the keys of the gateway's world."""
    return {
        "PAILOU_ADMIN_DATABASE_URL": database_url,
        "PAILOU_REDIS_URL": redis_url,
        "PAILOU_RABBITMQ_URL": rabbitmq_url,
        "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
        "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(MASTER_KEYS["k1"]).decode(),
        "PAILOU_ADMIN_EMAIL": EMAIL,
        "PAILOU_ADMIN_PASSWORD": PASSWORD,
        "PAILOU_DRAIN_S": "0",
    }


async def migrated(server_url: str) -> str:
    """The URL of a new database of admin_api."""
    url = await asyncio.to_thread(fresh_database, server_url, "admin")
    await asyncio.to_thread(upgrade, url, "admin_api")
    return url


def through(url: str, port: int) -> str:
    """The same database behind a proxy."""
    head, _, name = url.rpartition("/")
    return f"{head.rpartition(':')[0]}:{port}/{name}"


@asynccontextmanager
async def running_admin(
    environ: Mapping[str, str], folder: Path, *, port: int | None = None
) -> AsyncIterator[tuple[Running, Operator]]:
    """The process, and an administrator who is signed in."""
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(serve("admin", port or free_port(), environ, folder))
        operator = Operator(process.url)
        stack.push_async_callback(operator.http.aclose)
        await operator.sign_in()
        yield process, operator


class SmallMariaDB(MariaDB):
    """Its tablespace may not grow past most_mb: to the server that is a full disk, whoever runs the tests."""

    name = "mariadb-small"
    most_mb = 40

    def launch(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        small = ["--innodb-file-per-table=0", f"--innodb-data-file-path=ibdata1:12M:autoextend:max:{self.most_mb}M"]
        super().launch([*command, *small], environment)


async def fill(server: MariaDB) -> None:
    """Leaves no page free."""
    await asyncio.to_thread(execute, server.url, "CREATE DATABASE filler")
    await asyncio.to_thread(execute, server.url, "CREATE TABLE filler.big (b LONGBLOB)")
    for size in (2**20, 2**16, 2**14, 2**12):
        with suppress(asyncmy.errors.MySQLError):  # until the table is full
            for _ in range(1000):
                await asyncio.to_thread(execute, server.url, f"INSERT INTO filler.big VALUES (REPEAT('x', {size}))")


async def until_refused(operator: Operator, customer_id: int) -> httpx.Response:
    """The first answer that is none of success: what is allocated already is filled first."""
    for n in range(3000):
        app = {
            "cus_id": customer_id,
            "corp_name": "x",
            "app_name": f"d2-{n}",
            "daily_limit": 1,
            "description": "x" * 480,
        }
        answer = await operator.http.post("/apps", json=app)
        if answer.status_code != 201:
            return answer
    raise AssertionError("the disk is not full")
