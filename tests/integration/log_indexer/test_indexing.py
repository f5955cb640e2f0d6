"""From real RabbitMQ into real Elasticsearch by indexer processes that are killed, and a store that goes away."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_consumer, open_rabbitmq_publisher
from openplatform.adapters.rabbitmq_topology import CALL_LOGS
from openplatform.errors import PlatformUnavailable
from tests.proxy import Proxy, proxy_before
from tests.unit.log_indexer.parts import call_log, lines
from tests.waiting import until

ROOT = Path(__file__).parents[3]
KEY = "0123456789abcdef"
NOON_MS = 1_750_000_000_000
PATIENCE_S = 120
BATCH = 100


@dataclass
class World:
    """RabbitMQ, Elasticsearch behind a proxy, and indexers as processes of their own."""

    rabbitmq_url: str
    elasticsearch_url: str
    redis_url: str
    proxy: Proxy
    http: httpx.AsyncClient
    free_port: Callable[[], int]
    log: Path

    def start_indexer(self) -> tuple[subprocess.Popen[bytes], str]:
        """A process, started as a server in production starts it, and its URL."""
        port = self.free_port()
        environ = {
            "PATH": os.environ["PATH"],
            "PAILOU_INTERNAL_KEYS": KEY,
            "PAILOU_RABBITMQ_URL": self.rabbitmq_url,
            "PAILOU_ELASTICSEARCH_URL": f"http://127.0.0.1:{self.proxy.port}",
            "PAILOU_REDIS_URL": self.redis_url,
            "PAILOU_LOG_RETENTION_DAYS": "3650",
            "PAILOU_INDEXER_PORT": str(port),
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "log_indexer.app:from_env", "--port", str(port)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        return process, f"http://127.0.0.1:{port}"

    async def publish(self, first: int, last: int) -> None:
        """Records first … last - 1, in batches over two days, confirmed."""
        async with open_rabbitmq_publisher(self.rabbitmq_url, CALL_LOGS, timeout_s=PATIENCE_S) as publisher:
            for start in range(first, last, BATCH):
                records = [call_log(f"r{n}", receiveTime=NOON_MS + n * 4000) for n in range(start, start + BATCH)]
                await publisher.publish(lines(*records), node=f"gw-{start % 3}")

    async def documents(self) -> int:
        """How many there are over all indices."""
        await self.http.post(f"{self.elasticsearch_url}/gateway-log-*/_refresh")
        answer = await self.http.get(f"{self.elasticsearch_url}/gateway-log-*/_count")
        return int(answer.json().get("count", 0))

    async def distinct_ids(self) -> int:
        """How many different request ids the documents of all indices have."""
        body = {"size": 0, "aggs": {"ids": {"terms": {"field": "requestId", "size": 65_000}}}}
        answer = await self.http.post(f"{self.elasticsearch_url}/gateway-log-*/_search", json=body)
        buckets = answer.json()["aggregations"]["ids"]["buckets"]
        assert all(bucket["doc_count"] == 1 for bucket in buckets)
        return len(buckets)

    async def until_documents(self, at_least: int) -> int:
        """Waits; the number there is then."""
        async with asyncio.timeout(PATIENCE_S):
            while (found := await self.documents()) < at_least:
                await asyncio.sleep(0.02)
        return found

    async def until_acknowledged(self) -> None:
        """Waits until the queue is empty and nothing of it is unsettled: an indexer that ends gives back nothing."""
        async with open_rabbitmq_consumer(self.rabbitmq_url, CALL_LOGS) as consumer:

            async def is_empty() -> bool:
                with suppress(PlatformUnavailable):  # a busy broker is asked again
                    return await consumer.depth() == 0
                return False

            await until(is_empty)


@pytest.fixture
async def world(
    rabbitmq_url: str,
    clean_elasticsearch_url: str,
    clean_redis_url: str,
    free_port: Callable[[], int],
    tmp_path: Path,
) -> AsyncIterator[World]:
    port = urlsplit(clean_elasticsearch_url).port
    assert port is not None
    async with proxy_before(port) as proxy, httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        yield World(
            rabbitmq_url, clean_elasticsearch_url, clean_redis_url, proxy, http, free_port, tmp_path / "indexer.log"
        )


async def metric(http: httpx.AsyncClient, url: str, line_start: str) -> float:
    """One sample of /metrics."""
    for line in (await http.get(f"{url}/metrics")).text.splitlines():
        if line.startswith(line_start + " "):
            return float(line.split()[-1])
    return 0.0


async def test_killed_in_the_middle_nothing_is_lost_or_doubled(world: World) -> None:
    """20,000 records, the indexer killed with -9 three times while it indexes: 20,000 documents, none twice, queue empty."""
    await world.publish(0, 5_000)
    for goal in (1, 5_001, 10_001):
        process, _ = world.start_indexer()
        try:
            await world.until_documents(goal)
        finally:
            process.kill()
            process.wait()
        await world.publish(goal + 4_999, goal + 9_999)
    process, url = world.start_indexer()
    try:
        assert await world.until_documents(20_000) == 20_000
        await world.until_acknowledged()
        created = await metric(world.http, url, 'pailou_indexer_docs_total{result="created"}')
        assert 0 < created < 20_000
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM), world.log.read_text()
    assert await world.documents() == await world.distinct_ids() == 20_000
    await world.until_acknowledged()
    async with (
        open_rabbitmq_consumer(world.rabbitmq_url, CALL_LOGS) as consumer,
        aclosing(consumer.deliveries()) as deliveries,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(deliveries)


async def test_an_indexer_that_starts_before_its_store_waits_for_it(world: World) -> None:
    """It lives, is not ready, and begins when the store is there; the template is in place before the first document."""
    await world.proxy.close()
    process, url = world.start_indexer()
    try:
        await world.publish(0, BATCH)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    if (await world.http.get(f"{url}/healthz")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        assert (await world.http.get(f"{url}/readyz")).status_code == 503
        await world.proxy.start()
        assert await world.until_documents(BATCH) == BATCH
        mapping = (await world.http.get(f"{world.elasticsearch_url}/gateway-log/_mapping")).json()
        assert all(index["mappings"]["dynamic"] == "strict" for index in mapping.values())

        async def is_ready() -> bool:  # once it has heard that they are stored
            return (await world.http.get(f"{url}/readyz")).status_code == 200

        await until(is_ready)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


async def test_without_the_queue_the_lag_is_unknown(free_port: Callable[[], int]) -> None:
    """A broker that cannot be asked is an outage, not a depth of 0."""
    async with open_rabbitmq_consumer(f"amqp://x:y@127.0.0.1:{free_port()}/", CALL_LOGS) as consumer:
        with pytest.raises(PlatformUnavailable):
            await consumer.depth()
