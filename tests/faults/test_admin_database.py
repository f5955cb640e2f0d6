"""Rows M1 to M4 and D2: admin_api's database dies, hangs, fills its disk, or is cut off in a commit; gateways do not notice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from openplatform.adapters.catalog_redis import RedisCatalogReader
from tests.faults.admin import (
    EMAIL,
    PASSWORD,
    CommitCutter,
    Operator,
    SmallMariaDB,
    admin_settings,
    fill,
    migrated,
    running_admin,
    through,
    until_refused,
)
from tests.faults.ledger import now
from tests.faults.report import report
from tests.faults.world import FaultWorld, descriptors, open_fault_world
from tests.processes import Running, serve
from tests.proxy import proxy_before
from tests.servers import MariaDB, Redis, free_port
from tests.servers.mariadb import execute

pytestmark = pytest.mark.asyncio(loop_scope="module")
POOL = 10
"""Connections that admin_api keeps open."""
ROOM_S = 15
"""For a machine on which processes wait for their turn."""


@pytest.fixture(scope="module")
def mariadb(server_of: Callable[[type[MariaDB]], MariaDB]) -> MariaDB:
    """A MariaDB of the module's own."""
    return server_of(MariaDB)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(durable_redis: Redis, vhost: str, folder: Path) -> AsyncIterator[FaultWorld]:
    """A gateway under load beside the admin_api that the rows are about."""
    async with open_fault_world(durable_redis, vhost, folder, workers=1) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(
    world: FaultWorld, mariadb: MariaDB, vhost: str, folder: Path
) -> AsyncIterator[tuple[Running, Operator]]:
    """admin_api over that MariaDB and the gateway's Redis."""
    settings = admin_settings(await migrated(mariadb.url), world.redis.url, vhost)
    async with running_admin(settings, folder) as running:
        yield running


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code, of a problem document that says what to do."""
    told = answer.json()
    assert told["detail"] and told["detail_zh"] and answer.headers.get("retry-after"), told
    return answer.status_code, told["code"]


async def while_it_lasts(world: FaultWorld, ask: Callable[[], Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """The answers of one who asks again and again, for the fault's third of the minute in `make faults`; once in `make test`."""
    until = now() + (world.times.fault_s if world.times.is_full else 0.0)
    answers = [await ask()]
    while now() < until:
        await asyncio.sleep(0.2)
        answers.append(await ask())
    return answers


def calls_went_well(world: FaultWorld) -> None:
    """No call of the load noticed anything."""
    verdict = world.ledger.check()
    assert set(world.ledger.codes()) == {"0"}, world.ledger.codes()
    assert (verdict.lost, verdict.doubled) == (0, [])


async def test_m1_mysql_is_killed(world: FaultWorld, mariadb: MariaDB, admin: tuple[Running, Operator]) -> None:
    """M1: calls go on; who was there reads on, others and every change get 503 with a word on it; 5 s after MySQL is back so is
    admin_api, without a restart."""
    process, operator = admin
    owner = await operator.made("/customers", username="m1")
    assert (await operator.http.get("/rank")).status_code == 200
    load = world.begin()
    async with load.running():
        await asyncio.sleep(world.times.before_s)
        load.enter("fault")
        await asyncio.to_thread(mariadb.kill)
        refused, read = await asyncio.gather(
            while_it_lasts(world, lambda: operator.http.post("/customers", json={"username": "m1-lost"})),
            while_it_lasts(world, lambda: operator.http.get("/rank")),
        )
        refused.append(await operator.http.get(f"/customers/{owner['id']}"))
        overview = await operator.http.get(f"{process.url}/", headers={"Accept-Language": "en"})
        async with httpx.AsyncClient(base_url=process.url, trust_env=False, timeout=30) as stranger:
            unknown = await stranger.get("/api/v1/rank", headers={"Authorization": "Bearer nobody"})
            login = await stranger.post("/login", data={"email": EMAIL, "password": PASSWORD})
        ready = await operator.http.get(f"{process.url}/readyz")
        words = {"zh-CN": "重试", "en": "Try again"}
        pages = {
            word: await operator.http.get(f"{process.url}/apps?q=m1", headers={"Accept-Language": language})
            for language, word in words.items()
        }
        await asyncio.to_thread(mariadb.start)
        back = now()
        await operator.answers_again(within_s=5 + ROOM_S)
        recovered_s = now() - back
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    assert {problem(answer) for answer in (*refused, unknown)} == {(503, "platform-unavailable")}
    assert {answer.status_code for answer in read} == {200}
    assert overview.status_code == 200 and "read-only" in overview.text
    assert (login.status_code, "数据库没有响应" in login.text) == (503, True)
    assert ready.status_code == 503
    for word, page in pages.items():  # says what, leads back to the same list, and names the request
        assert page.status_code == 503 and word in page.text and 'href="/apps?q=m1"' in page.text
        assert page.headers["x-request-id"] in page.text and page.headers["content-type"].startswith("text/html")
        assert 'id="read-only"' in page.text
    assert "read-only" not in (await operator.http.get(f"{process.url}/", headers={"Accept-Language": "en"})).text
    assert (await operator.http.get(f"/customers/{owner['id']}")).json()["username"] == "m1"
    await operator.made("/customers", username="m1-after")
    calls_went_well(world)
    report(
        "M1", gateway_errors=0, refused=len(refused), read=len(read), recovered_s=round(recovered_s, 2),
        calls=len(world.ledger.calls()),
    )  # fmt: skip


async def test_m2_mysql_hangs(world: FaultWorld, mariadb: MariaDB, admin: tuple[Running, Operator]) -> None:
    """M2: 503 at a deadline of 3 s, however many ask, then at once, and reading goes on; afterwards the pool is what it was."""
    process, operator = admin

    async def ask() -> httpx.Response:
        return await operator.http.get("/customers")

    await asyncio.gather(*(ask() for _ in range(30)))
    base = descriptors(process.process.pid)
    load = world.begin()
    async with load.running():
        load.enter("fault")
        mariadb.pause()
        try:
            began = now()
            refused = list(await asyncio.gather(*(ask() for _ in range(30))))
            took_s = now() - began
            refused += await while_it_lasts(world, ask)
            began = now()
            read = [await operator.http.get("/rank") for _ in range(10)]
            read_s = now() - began
        finally:
            mariadb.resume()
        back = now()
        await operator.answers_again("/customers", within_s=10 + ROOM_S)
        while descriptors(process.process.pid) > base + POOL and now() - back < 10 + ROOM_S:
            await asyncio.sleep(0.1)
        recovered_s = now() - back
        load.enter("after")
        await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    assert {problem(answer) for answer in refused} == {(503, "platform-unavailable")}
    assert {answer.status_code for answer in read} == {200}
    assert read_s < len(read) * 3  # each would have waited: one may, and another after every second
    assert took_s < 2 * 3 + ROOM_S  # 20 connections at most: the last ten waited for one, then for its server
    assert descriptors(process.process.pid) <= base + POOL
    assert {answer.status_code for answer in await asyncio.gather(*(ask() for _ in range(30)))} == {200}
    calls_went_well(world)
    report(
        "M2", refused=len(refused), refused_after_s=round(took_s, 2), read=len(read), read_after_s=round(read_s, 2),
        recovered_s=round(recovered_s, 2), descriptors_before=base,
        descriptors_after=descriptors(process.process.pid), gateway_errors=0,
    )  # fmt: skip


async def test_m3_admin_is_killed_between_commit_and_push(
    world: FaultWorld, mariadb: MariaDB, vhost: str, folder: Path
) -> None:
    """M3: what was committed and not pushed reaches the gateways 10 s after the next start; what was not committed never does."""
    async with proxy_before(world.redis.port) as proxy:
        url = await migrated(mariadb.url)
        settings = admin_settings(url, f"redis://127.0.0.1:{proxy.port}/0", vhost)
        async with running_admin(settings, folder) as (process, operator):
            owner = await operator.made("/customers", username="m3")
            proxy.hangs = True
            answer = await operator.http.post(
                "/apps", json={"cus_id": owner["id"], "corp_name": "云帆", "app_name": "ERP", "daily_limit": 9}
            )
            assert (answer.status_code, answer.headers["x-in-force"]) == (201, "false")
            app_key = answer.json()["app_key"]
            process.kill()
        proxy.cut()
        proxy.hangs = False
        assert app_key not in await apps_of(world)
        async with serve("admin", free_port(), settings, folder):
            started = now()
            async with asyncio.timeout(10 + ROOM_S):
                while app_key not in await apps_of(world):
                    await asyncio.sleep(0.05)
            converged_s = now() - started
    report("M3", converged_s=round(converged_s, 2), in_redis_without_mysql=0)


async def test_m4_the_answer_to_a_commit_is_lost(world: FaultWorld, mariadb: MariaDB, vhost: str, folder: Path) -> None:
    """M4: the outcome is told as unknown; the same request under its key makes nothing twice, and money comes once."""
    cutter = CommitCutter(mariadb.port)
    await cutter.start()
    try:
        url = await migrated(mariadb.url)
        async with running_admin(admin_settings(through(url, cutter.port), world.redis.url, vhost), folder) as (
            _,
            operator,
        ):
            owner = await operator.made("/customers", username="m4")
            body = {"cus_id": owner["id"], "money": 500, "payment_type": 1}
            key = {"Idempotency-Key": "m4-recharge"}
            cutter.marked = b"INSERT INTO recharge"
            lost = await operator.http.post("/recharges", json=body, headers=key)
            assert problem(lost) == (503, "outcome-unknown")
            again = await operator.http.post("/recharges", json=body, headers=key)
            assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
            pay = f"/recharges/{again.json()['id']}/pay"
            cutter.marked = b"INSERT INTO balance_ledger"
            assert problem(await operator.http.post(pay)) == (503, "outcome-unknown")
            assert (await operator.http.post(pay)).json()["state"] == 1
            rows = (await operator.http.get("/recharges")).json()["total"]
            money = (await operator.http.get(f"/customers/{owner['id']}")).json()["money"]
            ledger = (await operator.http.get("/ledger")).json()["items"]
    finally:
        await cutter.close()
    assert (cutter.cuts, rows, money) == (2, 1, 500)
    assert [row["delta"] for row in ledger] == [500]
    report("M4", commits_cut=cutter.cuts, rows=rows, money_fen=money)


async def test_d2_the_disk_of_mysql_is_full(
    world: FaultWorld, server_of: Callable[[type[MariaDB]], MariaDB], vhost: str, folder: Path
) -> None:
    """D2: writes get 503, lists go on, calls do not notice; with room again it writes again, without a restart."""
    small = await asyncio.to_thread(server_of, SmallMariaDB)
    url = await migrated(small.url)
    async with running_admin(admin_settings(url, world.redis.url, vhost), folder) as (_, operator):
        owner = await operator.made("/customers", username="d2")
        # A session whose last use is to be written again: an operator who has read for half a minute.
        seen = f"UPDATE {url.rpartition('/')[2]}.operator_session SET seen_time = seen_time - INTERVAL 31 SECOND"
        await asyncio.to_thread(execute, small.url, seen)
        load = world.begin()
        async with load.running():
            await asyncio.sleep(world.times.before_s)
            load.enter("fault")
            await fill(small)
            refused = await until_refused(operator, owner["id"])
            shown = await while_it_lasts(world, lambda: operator.http.get("/customers"))
            small.most_mb = 200
            await asyncio.to_thread(small.stop)
            await asyncio.to_thread(small.start)
            back = now()
            async with asyncio.timeout(5 + ROOM_S):
                while (await operator.http.post("/customers", json={"username": "d2-after"})).status_code != 201:
                    await asyncio.sleep(0.1)
            recovered_s = now() - back
            load.enter("after")
            await asyncio.sleep(world.times.after_s)
    await world.records.settle()
    assert problem(refused) == (503, "platform-unavailable")
    assert {(answer.status_code, answer.json()["total"]) for answer in shown} == {(200, 1)}
    calls_went_well(world)
    report(
        "D2",
        gateway_errors=0,
        lists_shown=len(shown),
        writing_again_s=round(recovered_s, 2),
        calls=len(world.ledger.calls()),
    )


async def apps_of(world: FaultWorld) -> set[str]:
    """The apps that gateways are told of."""
    update = await RedisCatalogReader(world.client).fetch(epoch=None, version=0)
    assert update is not None
    return set(update.apps)
