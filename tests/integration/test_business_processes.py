"""order_service and warehouse_service as processes of their own, over real MariaDB and Redis, two warehouses side by side."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.redis_client import open_redis
from openplatform.sql import Database, open_database, upgrade
from openplatform.web import SystemClock
from order_service.repository import add_orders
from order_service.tables import order_intent, order_log, pop_order_data
from tests.business_services import (
    INTERNAL_KEY,
    MERCHANT,
    add_stock,
    add_warehouse,
    as_merchant,
    insist,
    rows_of,
    sample_order,
)
from tests.servers.freezing import freeze
from warehouse_service.tables import warehouse_product

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


class Services:
    """Starts services by their factory, as a server in production does, and ends them."""

    def __init__(self, environ: dict[str, str], free_port: Callable[[], int], folder: Path) -> None:
        self._environ = environ
        self._free_port = free_port
        self._log = folder / "services.log"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, package: str, variable: str, **settings: str) -> str:
        """Returns its address; it may not answer yet."""
        port = self._free_port()
        address = f"127.0.0.1:{port}"
        environ = self._environ | settings | {f"PAILOU_{variable}_PORT": str(port)}
        command = [sys.executable, "-m", "uvicorn", "--factory", f"{package}.app:from_env", "--port", str(port)]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        self.processes[address] = process
        return address

    def end(self, address: str, how: signal.Signals) -> int:
        """Signals it, waits for its end, returns its exit code."""
        process = self.processes.pop(address)
        process.send_signal(how)
        return process.wait(PATIENCE_S)

    def close(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.fixture
async def databases(fresh_database: Callable[[str], str]) -> AsyncIterator[dict[str, Database]]:
    """`order` and `warehouse`, migrated."""
    urls = {name: fresh_database(name) for name in ("order", "warehouse")}
    for name, url in urls.items():
        await asyncio.to_thread(upgrade, url, f"{name}_service")
    async with open_database(urls["order"]) as order, open_database(urls["warehouse"]) as warehouse:
        yield {"order": order, "warehouse": warehouse}


@pytest.fixture
def services(
    databases: dict[str, Database], clean_redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> Iterator[Services]:
    environ = {
        "PATH": os.environ["PATH"],
        "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
        "PAILOU_REDIS_URL": clean_redis_url,
        "PAILOU_ORDER_DATABASE_URL": databases["order"].engine.url.render_as_string(hide_password=False),
        "PAILOU_WAREHOUSE_DATABASE_URL": databases["warehouse"].engine.url.render_as_string(hide_password=False),
        "PAILOU_ORDERS_WAREHOUSE_TIMEOUT_S": "60",
        "PAILOU_ORDERS_SWEEP_EVERY_S": "0.2",
        "PAILOU_ORDERS_SWEEP_AFTER_S": "1",
    }
    started = Services(environ, free_port, tmp_path)
    yield started
    started.close()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S, limits=limits) as client:
        yield client


async def until_ready(client: httpx.AsyncClient, *addresses: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for address in addresses:
            while True:
                try:
                    if (await client.get(f"http://{address}/readyz")).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)


async def cancel(client: httpx.AsyncClient, address: str, order_id: int) -> httpx.Response:
    url, headers = f"http://{address}/orders/{order_id}/cancel", as_merchant(MERCHANT)
    return await insist(lambda: client.post(url, json={"reason": "r"}, headers=headers))


async def lock(client: httpx.AsyncClient, address: str, order_id: int, w_id: int, cnt: int = 1) -> httpx.Response:
    items = f'[{{"product_id": 1001, "w_id": {w_id}, "cnt": {cnt}}}]'
    body, headers = {"order_id": str(order_id), "items": items}, as_merchant(MERCHANT)
    return await insist(lambda: client.post(f"http://{address}/stock/lock", json=body, headers=headers))


async def states(databases: dict[str, Database]) -> dict[int, int]:
    return {row["order_id"]: row["state"] for row in await rows_of(databases["order"], pop_order_data)}


async def held(databases: dict[str, Database]) -> int:
    return sum(row["lock_cnt"] for row in await rows_of(databases["warehouse"], warehouse_product))


async def test_two_warehouses_sell_fifty_pieces_fifty_times_and_one_of_them_may_die(
    services: Services, databases: dict[str, Database], clean_redis_url: str, client: httpx.AsyncClient
) -> None:
    """100 callers, two processes, 50 pieces: 50 holds. A killed one costs no cancellation; a stopped one leaves the directory."""
    w_id = await add_warehouse(databases["warehouse"], "WH001")
    await add_stock(databases["warehouse"], w_id, {1001: 50})
    orders = services.start("order_service", "ORDERS")
    first, second = (services.start("warehouse_service", "WAREHOUSE") for _ in range(2))
    await until_ready(client, orders, first, second)

    answers = await asyncio.gather(*(lock(client, (first, second)[n % 2], 1 + n, w_id) for n in range(100)))
    assert Counter(answer.status_code for answer in answers) == {200: 50, 409: 50}
    assert await held(databases) == 50

    holders = [1 + n for n, answer in enumerate(answers) if answer.status_code == 200][:20]
    async with databases["order"].begin() as connection:
        await add_orders(connection, [sample_order(order_id) for order_id in holders])
    assert services.end(first, signal.SIGKILL) == -signal.SIGKILL
    cancelled = await asyncio.gather(*(cancel(client, orders, order_id) for order_id in holders))
    assert {answer.status_code for answer in cancelled} == {200}
    assert set((await states(databases)).values()) == {6}
    assert await held(databases) == 30

    services.end(second, signal.SIGTERM)
    services.end(orders, signal.SIGTERM)
    async with open_redis(clean_redis_url, None) as redis:
        directory = RedisServiceDirectory(redis, SystemClock())
        assert await directory.instances("order-service") == ()
        assert second not in {instance.address for instance in await directory.instances("warehouse-service")}


async def test_a_process_killed_between_intent_and_release_is_made_good_by_the_next(
    services: Services, databases: dict[str, Database], client: httpx.AsyncClient
) -> None:
    """The warehouse hangs, the order process dies at kill -9 while it waits; its successor's sweeper finishes the cancellation."""
    w_id = await add_warehouse(databases["warehouse"], "WH001")
    await add_stock(databases["warehouse"], w_id, {1001: 50})
    async with databases["order"].begin() as connection:
        await add_orders(connection, [sample_order(501)])
    orders = services.start("order_service", "ORDERS", PAILOU_ORDERS_SWEEP_AFTER_S="60")
    warehouse = services.start("warehouse_service", "WAREHOUSE")
    await until_ready(client, orders, warehouse)
    assert (await lock(client, warehouse, 501, w_id, 3)).status_code == 200

    freeze(services.processes[warehouse].pid)
    waiting = asyncio.create_task(cancel(client, orders, 501))
    async with asyncio.timeout(PATIENCE_S):
        while not await rows_of(databases["order"], order_intent):
            await asyncio.sleep(0.02)
    services.end(orders, signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        await waiting
    services.processes[warehouse].send_signal(signal.SIGCONT)
    assert await states(databases) == {501: 2}

    # The intent is due 60 s after it was stored: the successor is told that it is due now.
    async with databases["order"].begin() as connection:
        requested = order_intent.c.requested
        await connection.execute(order_intent.update().values(next_attempt=requested))
    services.start("order_service", "ORDERS")
    async with asyncio.timeout(PATIENCE_S):
        while await states(databases) != {501: 6}:
            await asyncio.sleep(0.05)
    assert await held(databases) == 0
    assert len(await rows_of(databases["order"], order_log)) == 1
