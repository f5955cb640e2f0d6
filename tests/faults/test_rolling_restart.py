"""Rows G3 (SIGTERM) and U11: two gateways, or two instances of a service, of which one goes at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from openplatform.lifetime import running
from tests.faults.ledger import latency_ms
from tests.faults.load import Load
from tests.faults.report import report
from tests.faults.upstream import fake_service
from tests.faults.world import open_fault_world
from tests.processes import Running, serve
from tests.servers import Redis, free_port


class RoundRobin:
    """The least that a load balancer does: asks /readyz five times a second, and opens no connection where the answer is no."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.gateways: list[Running] = []

    async def follow(self) -> None:
        """Keeps the load's ports true until cancelled."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
            while True:
                ready = [gateway.port for gateway in self.gateways if await self._is_ready(http, gateway)]
                self._load.ports = ready or self._load.ports
                await asyncio.sleep(0.2)

    async def _is_ready(self, http: httpx.AsyncClient, gateway: Running) -> bool:
        try:
            return (await http.get(f"{gateway.url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False


@asynccontextmanager
async def another(environ: Mapping[str, str], folder: Path) -> AsyncIterator[Running]:
    """One more gateway process, ready."""
    async with serve("gateway", free_port(), environ, folder) as gateway:
        yield gateway


async def test_g3_gateways_are_replaced_by_sigterm(durable_redis: Redis, vhost: str, folder: Path) -> None:
    """G3: of two gateways one after the other is ended by SIGTERM and replaced; no call fails, and no record is lost."""
    environ = {"PAILOU_DRAIN_S": "5"}  # a busy machine may stand still before the balancer has asked
    async with open_fault_world(durable_redis, vhost, folder, workers=1, environ=environ) as world:
        load = world.begin()
        balancer = RoundRobin(load)
        async with (
            AsyncExitStack() as stack,
            another(world.environ, folder) as second,
            running(balancer.follow()),
        ):
            balancer.gateways = [world.gateway, second]
            await asyncio.sleep(0.5)
            async with load.running():
                await asyncio.sleep(world.times.before_s)
                load.enter("fault")
                assert await world.gateway.stop() == 0
                third = await stack.enter_async_context(another(world.environ, folder))
                balancer.gateways = [second, third]
                await asyncio.sleep(0.5)
                assert await second.stop() == 0
                load.enter("after")
                await asyncio.sleep(world.times.after_s)
            await world.records.settle()
        ledger, verdict = world.ledger, world.ledger.check()
        assert set(ledger.codes()) == {"0"}, ledger.codes()
        assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
        report("G3", sigterm_failed=0, calls=len(ledger.calls()), lost_logs=verdict.lost_logs)


async def test_u11_an_instance_is_killed(durable_redis: Redis, vhost: str, folder: Path) -> None:
    """U11: one of two instances of a service is killed under load; no idempotent call fails."""
    async with open_fault_world(durable_redis, vhost, folder, workers=1) as world:
        async with fake_service(world.ledger) as second:
            first = world.service
            addresses = f"echo-service=127.0.0.1:{first.port}|127.0.0.1:{second.port}"
            async with another({**world.environ, "PAILOU_SERVICE_ADDRESSES": addresses}, folder) as gateway:
                load = world.begin()
                load.ports = [gateway.port]
                async with load.running():
                    await asyncio.sleep(world.times.before_s)
                    load.enter("fault")
                    await first.kill()
                    await asyncio.sleep(world.times.fault_s)
                    await first.start()
                    load.enter("after")
                    await asyncio.sleep(world.times.after_s)
                await world.records.settle()
        ledger, verdict = world.ledger, world.ledger.check()
        assert set(ledger.codes()) == {"0"}, ledger.codes()
        assert (verdict.lost, verdict.doubled, verdict.lost_logs) == (0, [], 0)
        assert second.requests > len(ledger.calls("fault")) * 0.9
        report("U11", failed=0, calls=len(ledger.calls()), p99_ms=latency_ms(ledger.calls("fault")))
