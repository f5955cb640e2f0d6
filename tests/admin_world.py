"""A running admin_api over real stores, callers with and without rights, and what a gateway sees of its changes."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import sqlalchemy as sa
from starlette.types import ASGIApp

from admin_api import app
from admin_api.app import create_app, open_resources
from admin_api.billing.service import balances
from admin_api.outbox import relay
from admin_api.resources import Resources
from admin_api.security.permissions import Permissions
from admin_api.security.sessions import Sessions, permissions_of_user
from admin_api.settings import AdminSettings
from admin_api.tables.access import admin_user, menu, role, role_menu, user_role
from admin_api.tables.metadata import metadata
from openplatform import sql
from openplatform.adapters.catalog_redis import RedisCatalogReader
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.adapters.sessions_redis import RedisSessionStore
from openplatform.errors import PlatformUnavailable
from openplatform.lifetime import running
from openplatform.records import AccessToken, CatalogUpdate, TokenHash
from openplatform.sql import AsyncConnection, Database, open_database
from tests.waiting import PATIENCE_S

API = "/api/v1"
PASSWORD = "correct horse battery"
ZONE = ZoneInfo("Asia/Shanghai")
MASTER_KEYS = {"k1": bytes(range(32))}

_numbers = itertools.count(1)
_hashed: list[str] = []  # of PASSWORD, made once per run
_SEEDED = ("menu", "role", "role_menu", "api_systemparam", "mutex")

Seeds = dict[str, list[dict[str, Any]]]

_open_redis = partial(open_redis, timeout_s=PATIENCE_S)


class TurnedClock:
    """The machine's clock, which tests turn forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


class Caller:
    """A client of the API with a session of its own; paths without /api/v1."""

    def __init__(self, client: httpx.AsyncClient, user_id: int = 0, email: str = "") -> None:
        self.http = client
        self.user_id = user_id
        self.email = email

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(API + path, params=params)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.http.post(API + path, json=body, headers=headers)

    async def patch(self, path: str, body: object) -> httpx.Response:
        return await self.http.patch(API + path, json=body)

    async def put(self, path: str, body: object) -> httpx.Response:
        return await self.http.put(API + path, json=body)

    async def delete(self, path: str) -> httpx.Response:
        return await self.http.delete(API + path)

    async def made(self, path: str, **fields: object) -> dict[str, Any]:
        """What a POST that must succeed has made."""
        answer = await self.post(path, fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def shown(self, path: str, **params: Any) -> Any:
        """What a GET that must succeed shows."""
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def new_customer(self, **fields: object) -> dict[str, Any]:
        return await self.made("/customers", **{"username": f"isv{next(_numbers)}"} | fields)

    async def new_app(self, **fields: object) -> dict[str, Any]:
        if "cus_id" not in fields:
            fields["cus_id"] = (await self.new_customer())["id"]
        return await self.made("/apps", **{"corp_name": "云帆", "app_name": "ERP", "daily_limit": 100} | fields)

    async def new_mapping(self, **fields: object) -> dict[str, Any]:
        name = f"open.test.n{next(_numbers)}"
        defaults = {"gateway_api_name": name, "service_id": "order-service", "inside_api_url": "/orders/{order_id}"}
        return await self.made("/mappings", **defaults | fields)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem document, whose form is checked."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, problem["code"]


class World:
    """admin_api under test. Its relay runs."""

    def __init__(
        self, settings: AdminSettings, resources: Resources, clock: TurnedClock, embedded: Embedded | None, app: ASGIApp
    ) -> None:
        self.settings = settings
        self.resources = resources
        self.clock = clock
        self.app = app
        self._embedded = embedded
        self._sessions = Sessions(resources.database, resources.clock, resources.last_known)
        self._stack = AsyncExitStack()

    @property
    def database(self) -> Database:
        return self.resources.database

    async def caller(self, address: str = "127.0.0.1", **headers: str) -> Caller:
        """Somebody without a session."""
        transport = httpx.ASGITransport(self.app, client=(address, 50_000))
        client = httpx.AsyncClient(transport=transport, base_url="http://admin", headers=headers)
        return Caller(await self._stack.enter_async_context(client))

    async def operator(self, *perms: str) -> Caller:
        """A new operator with just these permissions, signed in by bearer token; `*:*:*` = an administrator."""
        email = f"operator{next(_numbers)}@pailou.example"
        if not _hashed:
            _hashed.append(await self.resources.passwords.hash(PASSWORD))
        async with self.database.begin() as connection:
            user = {"email": email, "real_name": "操作员", "password": _hashed[0], "status": 1}
            user_id = (await connection.execute(sa.insert(admin_user).values(user))).inserted_primary_key[0]
            role_id = 1 if perms == ("*:*:*",) else await _new_role(connection, perms)
            await connection.execute(sa.insert(user_role).values(user_id=user_id, role_id=role_id))
            session_id, _ = await self._sessions.open(connection, user_id, remote_ip="127.0.0.1", user_agent="tests")
        caller = await self.caller(Authorization=f"Bearer {session_id}")
        return Caller(caller.http, user_id, email)

    async def operator_of_role(self, role_id: int) -> tuple[Caller, Permissions]:
        """A new operator with one of the roles that there are, and what they may do."""
        caller = await self.operator()
        async with self.database.begin() as connection:
            await connection.execute(sa.insert(user_role).values(user_id=caller.user_id, role_id=role_id))
            return caller, await permissions_of_user(connection, caller.user_id)

    async def administrator(self) -> Caller:
        return await self.operator("*:*:*")

    async def catalogue(self) -> CatalogUpdate:
        """Everything that a gateway would be told now; once the first of it has come, since nothing here waits for that."""
        async with _open_redis(self.settings.redis_url, self._embedded) as client, asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(PlatformUnavailable):
                    update = await RedisCatalogReader(client).fetch(epoch=None, version=0)
                    assert update is not None
                    return update
                await asyncio.sleep(0.02)

    async def session(self, token_hash: str) -> AccessToken | None:
        """What a gateway finds under the hash of a token."""
        async with _open_redis(self.settings.redis_url, self._embedded) as client:
            return await RedisSessionStore(client).find(TokenHash(token_hash))

    async def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        async with self.database.read() as connection:
            found = await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            return [{str(k): v for k, v in row.items()} for row in found.mappings()]

    async def close(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def open_world(
    settings: AdminSettings,
    embedded: Embedded | None,
    *,
    clock: TurnedClock | None = None,
    with_relay: bool = True,
    is_patient: bool = True,
) -> AsyncIterator[World]:
    """admin_api over the migrated database of the settings, without its registration and jobs.

    is_patient: it waits for stores that are late, and its relay for Redis, since every test asks for what it has just changed; with
    the few seconds of production a pause of the machine would be an answer. Not where the database goes away.
    """
    clock = clock or TurnedClock()
    if embedded is None and settings.rabbitmq_url == "memory://":
        settings = replace(settings, rabbitmq_url="amqp://127.0.0.1:1/")  # nobody is there, and nobody asks
    async with AsyncExitStack() as stack:
        if is_patient:
            patient = stack.enter_context(pytest.MonkeyPatch.context())
            patient.setattr(app, "open_redis", _open_redis)
            patient.setattr(sql, "_OPEN_TIMEOUT_S", PATIENCE_S)
            patient.setattr(balances, "PUSH_WAIT_S", PATIENCE_S)
            if with_relay:
                patient.setattr(relay, "IN_FORCE_WAIT_S", PATIENCE_S)
        resources = await stack.enter_async_context(open_resources(settings, embedded, clock=clock))
        if with_relay:
            await stack.enter_async_context(running(resources.relay.run()))
        world = World(settings, resources, clock, embedded, create_app(resources, settings))
        stack.push_async_callback(world.close)
        yield world


async def _new_role(connection: Any, perms: Iterable[str]) -> int:
    number = next(_numbers)
    values = {"name": f"role {number}", "remark": "", "status": 1}
    role_id = int((await connection.execute(sa.insert(role).values(values))).inserted_primary_key[0])
    for perm in perms:
        entry = {"name": perm, "parent_id": 0, "url": "", "icon": "", "perms": perm, "type": 2, "order_num": 0}
        menu_id = (await connection.execute(sa.insert(menu).values(entry))).inserted_primary_key[0]
        await connection.execute(sa.insert(role_menu).values(role_id=role_id, menu_id=menu_id))
    return role_id


async def read_seeds(url: str) -> Seeds:
    """What the migrations put into the database."""
    async with open_database(url) as database, database.read() as connection:
        return {
            name: [
                {str(k): v for k, v in row.items()}
                for row in (await connection.execute(sa.select(metadata.tables[name]))).mappings()
            ]
            for name in _SEEDED
        }


async def restore_seeds(url: str, seeds: Seeds) -> None:
    """Empties all tables and puts back what the migrations had put there."""

    async def restore(connection: AsyncConnection) -> None:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(sa.delete(table))
        for name in _SEEDED:
            await connection.execute(sa.insert(metadata.tables[name]), seeds[name])

    async with open_database(url) as database:
        await database.run(restore)  # what the last test left open may hold a row for a moment
