"""A gateway on a real socket with one service behind it, and a caller that signs: what gateway tests stand on."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from gateway.app import create_app, http_protocol, lane_of, open_resources
from gateway.resources import Resources
from gateway.sessions import token_hash
from gateway.settings import GatewaySettings
from openplatform.adapters.catalog_redis import RedisCatalogReader
from openplatform.adapters.catalog_writer_redis import RedisCatalogWriter
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.protocol.timestamps import GMT8
from openplatform.records import AccessToken, App, AppKey, CallLog, ConfigChange, ConfigKind, Record, Route
from openplatform.sealing import Seal
from openplatform.signing import SigningKey, canonical_text
from openplatform.web import JsonAnswer, ServiceProcess, business_params, service_app
from tests.serving import serving
from tests.waiting import PATIENCE_S

INTERNAL_KEY = "an internal key for tests"
MASTER_KEYS = {"k1": base64.b64decode("bWFzdGVyIGtleSBmb3IgdGVzdHMsIDMyIGJ5dGVzISE=")}
SECRET = "helloworld"
SESSION = "6100e23a-session-of-tests"


@dataclass
class World:
    """seen: what the service was asked (path, headers, parameters); answers: path → what it answers next instead of its usual."""

    port: int
    writer: RedisCatalogWriter
    resources: Resources
    embedded: Embedded
    redis: RedisClient
    http: httpx.AsyncClient
    seen: list[tuple[str, Mapping[str, str], dict[str, str]]] = field(default_factory=list)
    answers: dict[str, Response] = field(default_factory=dict)
    _versions: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/router/rest"

    async def put(self, kind: ConfigKind, key: str, record: Record | None, *, expire_at_ms: int | None = None) -> None:
        """Changes the catalogue and waits until the gateway has it in force."""
        self._versions += 1
        body = None if record is None else msgspec.json.encode(record)
        change = ConfigChange(kind=kind, key=key, version=self._versions, body=body, expire_at_ms=expire_at_ms)
        await self.writer.publish([change])
        await self.in_force()

    async def in_force(self) -> None:
        """Waits until the gateway serves the newest catalogue."""
        reader = RedisCatalogReader(self.redis)
        async with asyncio.timeout(PATIENCE_S):
            while (
                await reader.fetch(epoch=self.resources.catalog.epoch, version=self.resources.catalog.version)
                is not None
            ):
                await asyncio.sleep(0.01)

    async def put_app(self, app_key: str = "1023", *, secrets: tuple[str, ...] = (SECRET,), **fields: object) -> None:
        seal = Seal(MASTER_KEYS)
        values: dict[str, object] = {
            "id": 1, "app_key": AppKey(app_key), "app_name": "test", "customer_id": 1, "enabled": True, "daily_limit": 10**6,
            "sealed_secrets": tuple(seal.seal(secret, f"app_info|{app_key}") for secret in secrets),
        }  # fmt: skip
        await self.put("app", app_key, App(**{**values, **fields}))

    async def put_route(self, api_name: str, url: str, **fields: object) -> None:
        values: dict[str, object] = {
            "api_name": api_name, "service_id": "echo-service", "inside_api_url": url, "enabled": True, "timeout_ms": 10_000,
            "is_open": True,
        }  # fmt: skip
        await self.put("route", api_name, Route(**{**values, **fields}))

    async def put_session(
        self, token: str = SESSION, *, ttl_s: float = 3600, app_id: int = 1, vender_id: int = 777, scope: str = ""
    ) -> None:
        now = time.time() * 1000
        expire = int(now + ttl_s * 1000)
        record = AccessToken(app_id=app_id, vender_id=vender_id, start_at_ms=int(now), expire_at_ms=expire, scope=scope)
        await self.put("session", token_hash(token), record, expire_at_ms=expire)

    def signed(
        self, method: str = "open.echo.get", *, secret: str = SECRET, body: bytes = b"", **params: str | None
    ) -> dict[str, str]:
        """System and business parameters with a right signature; a value of None leaves a parameter out before signing."""
        values: dict[str, str | None] = {
            "method": method, "app_key": "1023", "session": SESSION, "v": "2.0", "format": "json", "sign_method": "hmac-sha256",
            "timestamp": datetime.now(GMT8).strftime("%Y-%m-%d %H:%M:%S"),
        }  # fmt: skip
        plain = {k: v for k, v in {**values, **params}.items() if v is not None}
        sign = SigningKey(secret).sign(canonical_text(plain, body), plain.get("sign_method") or "md5")
        return {**plain, "sign": sign}

    async def call(self, params: Mapping[str, str]) -> httpx.Response:
        """POSTs the parameters as a form."""
        return await self.http.post(self.url, data=dict(params))

    async def error(self, params: Mapping[str, str]) -> tuple[int, str]:
        """code and sub_code of the error that the parameters are answered with, over HTTP 200."""
        response = await self.call(params)
        assert response.status_code == 200
        envelope = response.json()
        assert list(envelope) == ["error_response"]
        body = envelope["error_response"]
        assert set(body) <= {"code", "msg", "sub_code", "sub_msg", "request_id"}
        assert body["request_id"] == response.headers["x-request-id"]
        return body["code"], body.get("sub_code", "")

    async def logs(self) -> list[CallLog]:
        """All call logs since the last time, when the gateway has none left to send."""
        async with asyncio.timeout(PATIENCE_S):
            while self.resources.logs.waiting:
                await asyncio.sleep(0.01)
        decoder = msgspec.json.Decoder(CallLog)
        batches = self.embedded.log_batches
        return [log for _ in range(batches.qsize()) for log in decoder.decode_lines(batches.get_nowait()[0])]


def gateway_settings(**fields: object) -> GatewaySettings:
    values: dict[str, object] = {
        "redis_url": "memory://", "rabbitmq_url": "memory://", "internal_keys": (INTERNAL_KEY,), "master_keys": MASTER_KEYS,
        "time_zone": ZoneInfo("Asia/Shanghai"), "node": "test-node", "log_flush_s": 0.01,
        # A busy machine makes Redis late, and a call that is decided without it is counted nowhere.
        "redis_timeout_s": 5.0,
    }  # fmt: skip
    return GatewaySettings(**{**values, **fields})


@asynccontextmanager
async def open_world(*, door: str = "lane", redis_url: str = "memory://", **fields: object) -> AsyncIterator[World]:
    """A world with one app, one session, and the routes open.echo.get / open.echo.post / open.item.get.

    door: `lane` = the gateway's own front, calls past ASGI, as in production; `asgi` = a plain server of the ASGI family.
    """
    async with AsyncExitStack() as stack:
        embedded = Embedded()
        client = await stack.enter_async_context(open_redis(redis_url, embedded, timeout_s=PATIENCE_S))
        writer = RedisCatalogWriter(client)
        await RedisQuotaSnapshot(client).restore([])
        await writer.replace([])
        seen: list[tuple[str, Mapping[str, str], dict[str, str]]] = []
        answers: dict[str, Response] = {}

        async def echo(request: Request) -> Response:
            params = await business_params(request)
            seen.append((request.url.path, dict(request.headers), params))
            return answers.pop(request.url.path, None) or JsonAnswer({"echo": params, "path": request.url.path})

        methods = ["GET", "POST", "PUT", "DELETE"]
        routes = [HttpRoute("/echo", echo, methods=methods), HttpRoute("/items/{item_id}", echo, methods=methods)]
        service_port = await stack.enter_async_context(serving(service_app(routes, internal_keys=[INTERNAL_KEY])))
        addresses = {"echo-service": (f"127.0.0.1:{service_port}",), "dead-service": ("127.0.0.1:1",)}
        settings = gateway_settings(**{"redis_url": redis_url, "service_addresses": addresses, **fields})
        resources = await stack.enter_async_context(open_resources(settings, embedded))
        app = create_app(resources, settings)
        if door == "lane":
            process = ServiceProcess(lambda: nullcontext(app), state=lane_of)
            opening = serving(process, http=http_protocol(settings), lifespan="on")
        else:
            opening = serving(app)
        port = await stack.enter_async_context(opening)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        world = World(port, writer, resources, embedded, client, http, seen, answers)
        await world.put_app()
        await world.put_session()
        await world.put_route("open.echo.get", "/echo", idempotent=True)
        await world.put_route("open.echo.post", "/echo", http_method="POST")
        await world.put_route("open.item.get", "/items/{item_id}")
        yield world
