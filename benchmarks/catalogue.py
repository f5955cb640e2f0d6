"""What the gateway under test knows: apps with grants, tokens, routes with limits and schemas; and signed calls of them."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from openplatform.adapters.catalog_redis import RedisCatalogWriter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from openplatform.protocol.timestamps import GMT8
from openplatform.records import AccessToken, ApiName, App, AppKey, ConfigChange, Grant, Route
from openplatform.sealing import Seal
from openplatform.signing import SigningKey, canonical_text

SERVICE_ID, DEAD_ID = "order-service", "dead-service"
API_NAME, HEALTHY_API, DEAD_API = "open.order.get", "bench.api.number1", "bench.api.number2"
"""The measured API, an open one of the same service, and in a catalogue that `has_dead` an open one whose service is gone."""
APPS, TOKENS = 50, 1000
SCHEMA = (
    '{"type":"object","required":["order_id"],"properties":{"order_id":{"type":"integer","minimum":1},'
    '"fields":{"type":"string","maxLength":500}}}'
)


@dataclass(frozen=True)
class Caller:
    """One token, with the app that it was given to."""

    app_key: str
    secret: str
    token: str


class Catalogue:
    """Made up anew for each run. apps, tokens, routes, schemas: how many, the first route among those with a schema; master_key:
    as PAILOU_MASTER_KEYS wants it. Every app holds a grant with limits for the first route.
    has_dead: whether the third route leads to a service that is gone. is_large: more apps than each run calls again and again."""

    def __init__(
        self, *, apps: int = APPS, tokens: int = TOKENS, routes: int = 1, schemas: int = 1, has_dead: bool = False
    ) -> None:
        key = secrets.token_bytes(32)
        self.master_key = f"bench:{base64.b64encode(key).decode()}"
        self._seal = Seal({"bench": key})
        self._secrets = {str(23000000 + number): secrets.token_hex(16) for number in range(apps)}
        keys = list(self._secrets)
        self.callers = [
            Caller(keys[n % apps], self._secrets[keys[n % apps]], secrets.token_hex(28)) for n in range(tokens)
        ]
        self.is_large = apps > APPS
        self._routes = routes
        self._schemas = schemas
        self._dead_api = DEAD_API if has_dead else ""

    async def write(self, redis_url: str) -> None:
        """Into Redis, as admin_api's relay does."""
        async with open_redis(redis_url, None) as client:
            await RedisQuotaSnapshot(client).restore([])
            await RedisCatalogWriter(client).replace(self.changes())

    def changes(self) -> list[ConfigChange]:
        """Every record, as admin_api publishes it."""
        now_ms = int(time.time() * 1000)
        records: list[tuple[str, str, msgspec.Struct, int | None]] = []
        ids = {app_key: number for number, app_key in enumerate(self._secrets, start=1)}
        for app_key, secret in self._secrets.items():
            app = App(
                id=ids[app_key],
                app_key=AppKey(app_key),
                app_name=f"bench {app_key}",
                customer_id=1,
                enabled=True,
                sealed_secrets=(self._seal.seal(secret, f"app_info|{app_key}"),),
                daily_limit=1_000_000_000,
                minute_limit=100_000_000,
                grants={API_NAME: Grant(daily_limit=900_000_000, minute_limit=90_000_000, data_scope="pii")},
            )
            records.append(("app", app_key, app, None))
        for number in range(self._routes):
            api_name = API_NAME if number == 0 else f"bench.api.number{number}"
            route = Route(
                api_name=ApiName(api_name),
                service_id=DEAD_ID if api_name == self._dead_api else SERVICE_ID,
                inside_api_url="/orders/{order_id}",
                enabled=True,
                idempotent=True,
                is_open=number > 0,
                limit_per_second=1_000_000 if number == 0 else None,
                limit_per_day=1_000_000_000 if number == 0 else None,
                request_schema=SCHEMA if number < self._schemas else None,
                description="a route among many, with as many words to say as an operator would write",
            )
            records.append(("route", api_name, route, None))
        for number, caller in enumerate(self.callers):
            token = AccessToken(
                app_id=ids[caller.app_key],
                vender_id=100_000 + number,
                start_at_ms=now_ms,
                expire_at_ms=now_ms + 86_400_000,
            )
            token_hash = hashlib.sha256(caller.token.encode()).hexdigest()
            records.append(("session", token_hash, token, token.expire_at_ms))
        return [
            ConfigChange(kind=kind, key=key, version=version, body=msgspec.json.encode(record), expire_at_ms=ends)  # type: ignore[arg-type]
            for version, (kind, key, record, ends) in enumerate(records, start=1)
        ]


def signed_bodies(callers: list[Caller], count: int, *, api_name: str = API_NAME) -> list[str]:
    """POST bodies of different calls, ten parameters each, valid for the next ten minutes."""
    timestamp = datetime.now(GMT8).strftime("%Y-%m-%d %H:%M:%S")
    keys = {caller.app_key: SigningKey(caller.secret) for caller in callers}
    bodies = []
    for number in range(count):
        caller = callers[number % len(callers)]
        params = {
            "method": api_name,
            "app_key": caller.app_key,
            "session": caller.token,
            "timestamp": timestamp,
            "v": "2.0",
            "format": "json",
            "sign_method": "hmac-sha256",
            "order_id": str(2026000100000000 + number),
            "fields": "order_id,status,title,price",
        }
        params["sign"] = keys[caller.app_key].sign(canonical_text(params), "hmac-sha256")
        bodies.append(urlencode(params))
    return bodies
