"""What happens once happens once over processes of their own: a guarded write that is repeated, a cached answer that all ask for."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from openplatform.adapters.catalog_writer_redis import RedisCatalogWriter
from openplatform.adapters.quota_redis import RedisQuotaCounter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from openplatform.signed_call import sign_call
from openplatform.web import JsonAnswer, SystemClock, service_app
from tests.e2e.catalogue import echo_catalogue, echo_route
from tests.gateway_world import INTERNAL_KEY, MASTER_KEYS, SECRET
from tests.noon import ZONE
from tests.processes import Running, serve
from tests.raw_http import exchange, form_post
from tests.serving import serving

PROCESSES = 4
PATIENCE_S = 120.0


@dataclass
class Service:
    """hits: calls that reached it; it answers as soon as it may."""

    hits: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request) -> Response:
        self.hits += 1
        await self.may_answer.wait()
        return JsonAnswer({"n": self.hits})


@dataclass
class Platform:
    """Four gateway processes in front of one service."""

    gateways: list[Running]
    service: Service
    counter: RedisQuotaCounter

    async def all_at_once(self, method: str, calls: int) -> list[dict[str, dict[str, object]]]:
        """The same signed bytes so often, over all processes; the service answers when every call has passed its limits."""
        signed = sign_call(
            url="", app_key="caller", secret=SECRET, method=method, params={"a": "1"}, now=datetime.now(UTC)
        )
        request = form_post(urlencode(signed.params))
        ports = [self.gateways[n % PROCESSES].port for n in range(calls)]
        answers = asyncio.gather(*(exchange(port, request, within_s=PATIENCE_S) for port in ports))
        async with asyncio.timeout(PATIENCE_S):
            while (await self.counter.used(["caller"]))[0].day_used < calls:
                await asyncio.sleep(0.05)
        self.service.may_answer.set()
        return [json.loads(answer.body) for answer in await answers]


@asynccontextmanager
async def platform(
    redis_url: str, rabbitmq_url: str, folder: Path, free_port: Callable[[], int]
) -> AsyncIterator[Platform]:
    """APIs: a guarded write and a cached read, with more time than a busy machine takes."""
    fields = {"timeout_ms": int(PATIENCE_S * 1000)}
    routes = [
        echo_route("open.guarded.post", http_method="POST", replay_guard=True, idempotent=False, **fields),
        echo_route("open.kept.get", cache_ttl_s=60, **fields),
    ]
    service = Service()
    app = service_app([HttpRoute("/echo", service.answer, methods=["GET", "POST"])], internal_keys=[INTERNAL_KEY])
    async with AsyncExitStack() as stack:
        service_port = await stack.enter_async_context(serving(app))
        redis = await stack.enter_async_context(open_redis(redis_url, None, timeout_s=PATIENCE_S))
        await RedisQuotaSnapshot(redis).restore([])
        await RedisCatalogWriter(redis).replace(echo_catalogue([("caller", 10**6, 10**6)], routes))
        environ = {
            "PAILOU_REDIS_URL": redis_url,
            "PAILOU_RABBITMQ_URL": rabbitmq_url,
            "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
            "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(MASTER_KEYS["k1"]).decode(),
            "PAILOU_SERVICE_ADDRESSES": f"echo-service=127.0.0.1:{service_port}",
            "PAILOU_MAX_CONNECTIONS_PER_ADDRESS": "2000",
            "PAILOU_REDIS_TIMEOUT_MS": "5000",  # a call that is decided without Redis is counted nowhere
            "PAILOU_TIME_ZONE": ZONE.key,
        }
        gateways = await asyncio.gather(
            *(
                stack.enter_async_context(serve("gateway", free_port(), environ, folder, workers=1))
                for _ in range(PROCESSES)
            )
        )
        yield Platform(list(gateways), service, RedisQuotaCounter(redis, SystemClock(), ZONE))


async def test_a_guarded_write_reaches_its_service_once(
    clean_redis_url: str, rabbitmq_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """200 copies of one signed write over four gateway processes: one is done, the others are told 25."""
    async with platform(clean_redis_url, rabbitmq_url, tmp_path, free_port) as four:
        answers = await four.all_at_once("open.guarded.post", 200)
    assert four.service.hits == 1
    assert [a for a in answers if "open_guarded_post_response" in a and a["open_guarded_post_response"]["n"] == 1]
    refused = [a["error_response"] for a in answers if "error_response" in a]
    assert len(refused) == 199
    assert {(error["code"], error["sub_code"]) for error in refused} == {(25, "isv.replayed-request")}


async def test_1000_misses_make_one_call(
    clean_redis_url: str, rabbitmq_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """1,000 calls that miss the cache at the same time, 250 in each of four gateway processes: the service is asked once."""
    async with platform(clean_redis_url, rabbitmq_url, tmp_path, free_port) as four:
        answers = await four.all_at_once("open.kept.get", 1000)
    assert four.service.hits == 1
    assert {answer["open_kept_get_response"]["n"] for answer in answers} == {1}
