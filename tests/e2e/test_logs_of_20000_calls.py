"""No log of an answered call is lost or doubled on its way through real RabbitMQ into real Elasticsearch."""

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
from elasticsearch import AsyncElasticsearch
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from openplatform.adapters.catalog_writer_redis import RedisCatalogWriter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from openplatform.protocol import encode_query
from openplatform.signed_call import sign_call
from openplatform.web import JsonAnswer, service_app
from tests.e2e.catalogue import echo_catalogue
from tests.gateway_world import INTERNAL_KEY, MASTER_KEYS, SECRET
from tests.processes import Running, serve
from tests.serving import serving
from tests.stored_logs import every_hit, stored
from tests.waiting import PATIENCE_S

CALLS = 20_000
CONNECTIONS = 50


async def call_again_and_again(port: int, request: bytes, times: int) -> list[str]:
    """Sends one request many times over one connection; the request ids of the good answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ids = []
    for _ in range(times):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = orjson.loads(await reader.readexactly(int(length.partition(b":")[2])))
        ids.append(answer["open_echo_get_response"]["request_id"])
    writer.close()
    await writer.wait_closed()
    return ids


def signed_request(gateway: Running) -> bytes:
    call = sign_call(
        url=f"{gateway.url}/router/rest", app_key="caller", secret=SECRET, method="open.echo.get",
        params={"format": "json", "keyword": "红色"}, sign_method="hmac-sha256", now=datetime.now(UTC),
    )  # fmt: skip
    body = encode_query(call.params).encode()
    head = "POST /router/rest HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def test_20000_calls_20000_records(
    clean_redis_url: str, rabbitmq_url: str, clean_elasticsearch_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """As many documents as good answers, under the same request ids, though an indexer is killed with -9 in the middle."""

    async def echo(request: Request) -> Response:
        return JsonAnswer({"ok": True})

    service = service_app([HttpRoute("/echo", echo)], internal_keys=[INTERNAL_KEY])
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as redis, serving(service) as service_port:
        await RedisQuotaSnapshot(redis).restore([])
        await RedisCatalogWriter(redis).replace(echo_catalogue([("caller", 10**6, None)]))
        environ = {
            "PAILOU_REDIS_URL": clean_redis_url,
            "PAILOU_RABBITMQ_URL": rabbitmq_url,
            "PAILOU_ELASTICSEARCH_URL": clean_elasticsearch_url,
            "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
            "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(MASTER_KEYS["k1"]).decode(),
            "PAILOU_SERVICE_ADDRESSES": f"echo-service=127.0.0.1:{service_port}",
        }
        async with (
            AsyncElasticsearch(clean_elasticsearch_url, request_timeout=PATIENCE_S) as store,
            serve("indexer", free_port(), environ, tmp_path) as killed,
            serve("gateway", free_port(), environ, tmp_path) as gateway,
        ):
            request = signed_request(gateway)
            calling = [
                asyncio.create_task(call_again_and_again(gateway.port, request, CALLS // CONNECTIONS))
                for _ in range(CONNECTIONS)
            ]
            while await stored(store) < CALLS // 10:
                await asyncio.sleep(0.05)
            killed.kill()
            answered = [id_ for ids in await asyncio.gather(*calling) for id_ in ids]
            async with serve("indexer", free_port(), environ, tmp_path):
                async with asyncio.timeout(PATIENCE_S):
                    while await stored(store) < CALLS:
                        await asyncio.sleep(0.2)
                found = [hit["_id"] async for hit in every_hit(store)]
    assert len(answered) == len(set(answered)) == CALLS
    assert sorted(found) == sorted(answered)
