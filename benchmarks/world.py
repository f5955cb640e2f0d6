"""Everything around the gateway: stores, the service, nginx, made for one run in a temporary folder and ended with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aio_pika

from benchmarks.catalogue import Catalogue, signed_bodies
from benchmarks.gateway import Gateway
from benchmarks.nginx import Reference, Service
from openplatform.adapters.rabbitmq_topology import CALL_LOGS
from tests.servers import RabbitMQ, Redis
from tests.servers.pool import ServerPool

BODIES = 20_000


@dataclass(frozen=True)
class World:
    """bodies: signed calls of all tokens, valid for ten minutes."""

    pool: ServerPool
    service: Service
    reference: Reference
    catalogue: Catalogue
    redis_url: str
    rabbitmq_url: str
    bodies: Path

    @contextmanager
    def gateway(self, *, profile_to: Path | None = None, processes: int | None = None) -> Iterator[Gateway]:
        """A running gateway that knows the catalogue."""
        gateway = self.pool.make(Gateway)
        gateway.redis_url, gateway.rabbitmq_url = self.redis_url, self.rabbitmq_url
        gateway.service_url, gateway.master_key = self.service.url, self.catalogue.master_key
        gateway.profile_to = profile_to
        gateway.processes = processes
        gateway.start()
        try:
            yield gateway
        finally:
            gateway.stop()

    def empty_queue(self) -> None:
        """Drops the call logs that a run has left: no indexer runs here, and a broker that pages is no part of the figures."""

        async def purge() -> None:
            async with await aio_pika.connect(self.rabbitmq_url) as connection:
                queue = await (await connection.channel()).get_queue(CALL_LOGS.queue, ensure=False)
                await queue.purge()

        asyncio.run(purge())


@contextmanager
def build_world(catalogue: Catalogue) -> Iterator[World]:
    """Starts everything but the gateway, on this process's core."""
    pool = ServerPool()
    try:
        pool.begin(Redis, RabbitMQ)
        service, reference = pool.make(Service), pool.make(Reference)
        service.start()
        reference.service_url = service.url
        reference.start()
        redis_url, rabbitmq_url = pool.url(Redis), pool.url(RabbitMQ)
        asyncio.run(catalogue.write(redis_url))
        bodies = pool.folder / "bodies"
        bodies.write_text("\n".join(signed_bodies(catalogue.callers, BODIES)) + "\n")
        yield World(pool, service, reference, catalogue, redis_url, rabbitmq_url, bodies)
    finally:
        pool.close()
