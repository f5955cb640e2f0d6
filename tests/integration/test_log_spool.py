"""A gateway whose broker is away ends, softly or by kill -9: the next one sends what it has left on disk."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import aio_pika
import httpx
import msgspec
import pytest

from openplatform.adapters.catalog_writer_redis import RedisCatalogWriter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.rabbitmq_topology import CALL_LOGS, declare_topology
from openplatform.adapters.redis_client import open_redis
from openplatform.log_frames import plain
from openplatform.records import CallLog
from tests.e2e.catalogue import echo_catalogue
from tests.gateway_world import INTERNAL_KEY, MASTER_KEYS
from tests.processes import serve
from tests.waiting import PATIENCE_S

CALLS = 40


async def call(url: str, times: int) -> set[str]:
    """Calls that are refused for want of a signature; their request ids."""
    ids = set()
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        for _ in range(times):
            answer = await http.get(f"{url}/router/rest", params={"method": "open.echo.get", "app_key": "caller"})
            ids.add(answer.headers["x-request-id"])
    return ids


async def arrived(rabbitmq_url: str, expected: int) -> set[str]:
    """Request ids of the records in the queue, when there are as many."""
    ids: set[str] = set()
    decoder = msgspec.json.Decoder(CallLog)
    async with await aio_pika.connect(rabbitmq_url) as connection, asyncio.timeout(PATIENCE_S):
        channel = await connection.channel()
        await declare_topology(channel, CALL_LOGS, server_major=3)
        queue = await channel.get_queue(CALL_LOGS.queue)
        while len(ids) < expected:
            message = await queue.get(fail=False, no_ack=True)
            if message is None:
                await asyncio.sleep(0.1)
            else:
                ids |= {log.requestId for log in decoder.decode_lines(plain(message.body))}
    return ids


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
async def test_the_next_gateway_sends_what_was_left(
    end: str, clean_redis_url: str, rabbitmq_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """Each answer that was sent has its record, though its gateway never had a broker; SIGTERM ends with 0 and says what stays."""
    async with open_redis(clean_redis_url, None) as redis:
        await RedisQuotaSnapshot(redis).restore([])
        await RedisCatalogWriter(redis).replace(echo_catalogue([("caller", 10**6, None)]))
    environ = {
        "PAILOU_REDIS_URL": clean_redis_url,
        "PAILOU_RABBITMQ_URL": f"amqp://nobody:nothing@127.0.0.1:{free_port()}/",
        "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
        "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(MASTER_KEYS["k1"]).decode(),
        "PAILOU_DRAIN_S": "0",
    }
    async with serve("gateway", free_port(), environ, tmp_path) as gateway:
        answered = await call(gateway.url, CALLS)
        if end == "SIGTERM":
            assert await gateway.stop() == 0
            assert f"{CALLS} call logs stay in the spool" in gateway.words.read_text()
        else:
            gateway.kill()
    environ["PAILOU_RABBITMQ_URL"] = rabbitmq_url
    async with serve("gateway", free_port(), environ, tmp_path) as gateway:
        answered |= await call(gateway.url, 1)
        assert await arrived(rabbitmq_url, len(answered)) == answered
        assert await gateway.stop() == 0
    assert len(answered) == CALLS + 1
    assert list((tmp_path / "spool").glob("*/*.spool")) == []
