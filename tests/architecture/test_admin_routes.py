"""Every route of admin_api declares who may call it, and refuses everybody else."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts

from admin_api.console.frame import PageRoute
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import PUBLIC, SIGNED_IN, perms_of
from admin_api.settings import AdminSettings
from admin_api.tables.access import menu, role, role_menu
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from tests.admin_world import MASTER_KEYS, World, open_world, refusal

OPEN_TO_EVERYBODY = {
    ("GET", "/login"), ("POST", "/login"), ("GET", "/assets/{path:path}"), ("POST", "/api/v1/login"),
    ("POST", "/preferences"),  # language and theme, also before the sign-in
    ("GET", "/password"), ("POST", "/password"),  # the page behind a link
    ("POST", "/api/v1/password-links/use"),  # asks for the link's token
    ("GET", "/api/openapi.json"), ("GET", "/healthz"), ("GET", "/readyz"),
    ("GET", "/metrics"),  # asks for an address of this machine
}  # fmt: skip


ADMINISTRATOR, OPERATOR, READER = 1, 2, 3


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    perms: str
    is_page: bool = False


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite+aiosqlite:///{tmp_path}/admin.db"
    await asyncio.to_thread(upgrade, url, "admin_api")
    keys = ("key-of-the-architecture-tests",)
    settings = AdminSettings(
        database_url=url, redis_url="memory://", rabbitmq_url="memory://", internal_keys=keys, master_keys=MASTER_KEYS
    )
    async with open_world(settings, Embedded()) as opened:
        yield opened


def operations_of(world: World) -> list[Operation]:
    """Every method of every route, however it was added. A route that is not guarded counts as public."""
    found = []
    for route in iter_route_contexts(world.app._app.routes):  # type: ignore[attr-defined]  # the application in the doorway
        original = route.original_route
        perms = perms_of(original) if isinstance(original, GuardedRoute) else PUBLIC
        assert route.path is not None
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            found.append(Operation(method, route.path, perms, isinstance(original, PageRoute)))
    return found


def filled(operation: Operation) -> str:
    return re.sub(r"\{[a-z_]+\}", "1", operation.path.replace("{session_hash}", "0" * 64))


async def test_only_the_listed_routes_are_open(world: World) -> None:
    """Nothing is open by omission; the list above is complete and holds nothing else."""
    operations = operations_of(world)
    assert len(operations) > 70
    assert {(o.method, o.path) for o in operations if o.perms == PUBLIC} == OPEN_TO_EVERYBODY


async def test_every_other_route_refuses_strangers_and_those_without_the_permission(world: World) -> None:
    """401 without a session, 403 without the permission, by every method; with it the guard lets in."""
    stranger, nobody = await world.caller(), await world.operator()
    for operation in operations_of(world):
        if operation.perms == PUBLIC:
            continue
        url = filled(operation)
        answer = await stranger.http.request(operation.method, url)
        if operation.is_page:
            assert (answer.status_code, answer.headers["location"][:12]) == (303, "/login?next="), operation
        else:
            assert refusal(answer) == (401, "unauthenticated"), operation
        if operation.perms == SIGNED_IN:
            continue
        answer = await nobody.http.request(operation.method, url)
        if operation.is_page:
            assert answer.status_code == 403, operation
            assert f"<code>{operation.perms}</code>" in answer.text, operation
        else:
            assert refusal(answer) == (403, "forbidden"), operation
            assert answer.json()["missing"] == operation.perms
    reading = [o for o in operations_of(world) if o.method == "GET" and o.perms not in (PUBLIC, SIGNED_IN)]
    for operation in {o.perms: o for o in reading}.values():
        holder = await world.operator(operation.perms)
        assert (await holder.http.get(filled(operation))).status_code != 403, operation
        other = next(o for o in reading if o.perms != operation.perms)
        assert (await holder.http.get(filled(other))).status_code == 403, operation


async def test_each_seeded_role_gets_through_to_what_it_holds_and_no_further(world: World) -> None:
    """All routes × administrator, operator, read-only, a disabled role: the guard's answer is the permission's, every time."""
    async with world.database.begin() as connection:
        values = {"name": "switched off", "remark": "", "status": 0}
        off = (await connection.execute(sa.insert(role).values(values))).inserted_primary_key[0]
        menus = (await connection.execute(sa.select(menu.c.id))).scalars()
        await connection.execute(sa.insert(role_menu), [{"role_id": off, "menu_id": m} for m in menus])
    guarded = [o for o in operations_of(world) if o.perms not in (PUBLIC, SIGNED_IN)]
    passed = {}
    for role_id in (ADMINISTRATOR, OPERATOR, READER, off):
        caller, held = await world.operator_of_role(role_id)
        for operation in guarded:
            # A body that is no JSON: what the guard lets through ends as 4xx there and changes nothing.
            answer = await caller.http.request(
                operation.method, filled(operation), content=b"{", headers={"content-type": "application/json"}
            )
            assert (answer.status_code == 403) == (not held.allows(operation.perms)), (role_id, operation, answer.text)
            assert answer.status_code != 500, (role_id, operation, answer.text)
        passed[role_id] = sum(held.allows(o.perms) for o in guarded)
        if role_id == READER:
            assert all(o.method == "GET" or "/find" in o.path for o in guarded if held.allows(o.perms))
    assert passed[ADMINISTRATOR] == len(guarded) > passed[OPERATOR] > passed[READER] > passed[off] == 0


async def test_every_permission_can_be_granted_by_the_menu_tree(world: World) -> None:
    """What a route asks for, a seeded menu or button carries."""
    carried = {row["perms"] for row in await world.rows(menu)}
    assert {o.perms for o in operations_of(world)} - {PUBLIC, SIGNED_IN} <= carried


async def test_the_document_names_the_permission_of_every_operation(world: World) -> None:
    """OpenAPI 3.1, one id per operation, problem documents as the way to say no, a session wherever one is needed."""
    document = (await (await world.caller()).http.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    declared = {(o.method, o.path): o.perms for o in operations_of(world) if o.path.startswith("/api/v1")}
    documented = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(documented) == set(declared)
    for key, operation in documented.items():
        assert operation["x-perms"] == [declared[key]]
        assert ("security" in operation) == (declared[key] != PUBLIC)
        assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
    ids = [operation["operationId"] for operation in documented.values()]
    assert len(ids) == len(set(ids))
    assert "null" not in str(
        [p for p in document["components"]["schemas"]["AppEdit"]["properties"].values() if "default" in p]
    )
