"""Row R4: Redis comes back empty; admin_api brings catalogue, sessions and counters back before anything is counted."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa

from admin_api.tables.counters import quota_counter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.sql import open_database
from tests.faults.ledger import BUSY, now
from tests.faults.load import Kind
from tests.faults.report import report
from tests.faults.world import FaultWorld, open_fault_world
from tests.processes import ROOT, Running, serve
from tests.servers import Redis, free_port
from tests.waiting import PATIENCE_S, until

EMAIL, PASSWORD = "admin@example.com", "a password of tests 1"
LIMITED = 7
LIMIT = 900
ROOM_S = 10
"""For a busy machine."""


@asynccontextmanager
async def admin_of(
    world: FaultWorld, database_url: str, folder: Path
) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    """admin_api over the world's Redis, and an operator who is signed in."""
    environ = {
        **world.environ, "PAILOU_ADMIN_DATABASE_URL": database_url, "PAILOU_ADMIN_EMAIL": EMAIL,
        "PAILOU_ADMIN_PASSWORD": PASSWORD,
    }  # fmt: skip
    command = [sys.executable, "-m", "pailou", "db", "upgrade", "admin"]
    environ_of_command = {"PATH": "/usr/bin:/bin", **environ}
    await asyncio.to_thread(subprocess.run, command, cwd=ROOT, env=environ_of_command, capture_output=True, check=True)
    async with (
        serve("admin", free_port(), environ, folder, ready_path="/healthz") as admin,
        httpx.AsyncClient(trust_env=False, timeout=20, base_url=f"{admin.url}/api/v1") as operator,
    ):
        token = (await operator.post("/login", json={"email": EMAIL, "password": PASSWORD})).json()["token"]
        operator.headers["Authorization"] = f"Bearer {token}"
        changed = await operator.put("/me/password", json={"old_password": PASSWORD, "new_password": PASSWORD + "!"})
        operator.headers["Authorization"] = f"Bearer {changed.json()['token']}"
        yield admin, operator


async def app_of(operator: httpx.AsyncClient) -> Kind:
    """An app with a day limit and an open API, made as an operator makes them; how to call it."""
    customer = (await operator.post("/customers", json={"username": "isv"})).json()
    body = {"cus_id": customer["id"], "corp_name": "ISV", "app_name": "ERP", "daily_limit": LIMIT}
    app = (await operator.post("/apps", json=body)).json()
    mapping = {
        "gateway_api_name": "open.kept.get", "service_id": "echo-service", "inside_api_url": "/echo", "need_session": False,
        "idempotents": True, "is_open": True,
    }  # fmt: skip
    made = await operator.post("/mappings", json=mapping)
    assert made.is_success, made.text
    return Kind("open.kept.get", app_key=app["app_key"], secret=app["app_secret"])


async def test_r4_redis_comes_back_empty(
    server_of: Callable[[type[Redis]], Redis], fresh_database: Callable[[str], str], vhost: str, folder: Path
) -> None:
    """R4: nobody is called unknown, nothing is counted before the day's counters are back, and what was saved is not given twice."""
    redis = await asyncio.to_thread(server_of, Redis)
    environ, database_url = {"PAILOU_WHEN_LIMITS_UNAVAILABLE": "deny"}, fresh_database("admin")
    async with (
        open_fault_world(redis, vhost, folder, environ=environ) as world,
        admin_of(world, database_url, folder) as (_, operator),
    ):
        caller = await app_of(operator)
        known: list[int | None] = []

        async def is_known() -> bool:  # ten times, whichever of the two processes is asked
            known.append(await world.code(caller))
            return known[-10:] == [0] * 10

        await until(is_known)
        load = world.begin(caller)
        async with load.running():
            await asyncio.sleep(3)
        spent = world.ledger.admitted()
        used = await world.day_used(caller.app_key)

        async def is_kept() -> bool:
            return await kept(database_url, caller.app_key) >= used

        await until(is_kept)
        load = world.begin(caller, fresh=False)
        load.phase = "before"
        async with load.running():
            await asyncio.sleep(0.2)
            load.enter("fault")
            await asyncio.to_thread(redis.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(redis.start)
            began = load.enter("empty")
            snapshot = RedisQuotaSnapshot(world.client)
            async with asyncio.timeout(PATIENCE_S):
                while not await complete(snapshot):
                    await asyncio.sleep(0.05)
            synced_s = now() - began
            await until(lambda: LIMITED in {entry.code for entry in world.ledger.calls("empty")})
            load.enter("after")
            await asyncio.sleep(max(3.0, world.times.after_s))
            # A store that failed is left alone for a second, and for another one each time that a busy machine makes it late.
            await until(lambda: LIMITED in {entry.code for entry in world.ledger.calls("after")})
        await world.records.settle()
    ledger, verdict = world.ledger, world.ledger.check()
    assert {entry.code for entry in ledger.calls()} <= {0, LIMITED, BUSY}, ledger.codes()
    assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
    # What was admitted since the last snapshot: the moment of load before the fault.
    unsaved = sum(entry.code == 0 for entry in ledger.calls("before", "fault")) - spent
    assert ledger.admitted() <= LIMIT + unsaved, ledger.codes()
    assert synced_s < 5 + ROOM_S
    report(
        "R4", unknown_app=0, overshoot=max(0, ledger.admitted() - LIMIT), unsaved=unsaved, synced_s=round(synced_s, 1)
    )


async def kept(database_url: str, app_key: str) -> int:
    """Calls of the app's day that admin_api has in its database."""
    async with open_database(database_url) as database, database.read() as connection:
        query = sa.select(sa.func.max(quota_counter.c.day_used)).where(quota_counter.c.name == app_key)
        return int((await connection.execute(query)).scalar_one() or 0)


async def complete(snapshot: RedisQuotaSnapshot) -> bool:
    """Whether the counters are back; a connection from before the fault breaks once."""
    try:
        return await snapshot.is_complete()
    except Exception:
        return False
