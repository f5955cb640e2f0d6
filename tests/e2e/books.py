"""A platform that charges, as processes over real servers, and callers that spend until nothing is left."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from admin_api.apis.service.mappings import MappingDraft, create_mapping
from admin_api.apps.service.apps import AppDraft, create_app
from admin_api.apps.service.customers import CustomerDraft, create_customer
from admin_api.billing.service.recharges import RechargeDraft, create_recharge, pay_recharge
from admin_api.outbox.changes import Change, Changes
from admin_api.security.last_known import LastKnown
from admin_api.security.operators import SYSTEM
from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger
from openplatform.adapters.balances_redis import RedisBalances
from openplatform.adapters.redis_client import open_redis
from openplatform.protocol.timestamps import GMT8
from openplatform.sealing import Seal
from openplatform.signing import SigningKey, canonical_text
from openplatform.sql import open_database, upgrade
from openplatform.web import JsonAnswer, SystemClock, service_app
from pailou.ledger import Checked, check
from tests.gateway_world import INTERNAL_KEY, MASTER_KEYS, SECRET
from tests.processes import Running, serve
from tests.servers import Redis
from tests.serving import serving
from tests.waiting import PATIENCE_S

PRICE_FEN = 2
CALLERS = 16
API = "open.dear.get"


@dataclass
class Books:
    """What was answered: request id → when, by time.monotonic(); what the service was asked: request ids."""

    database_url: str
    redis: Redis
    start: Callable[[str, int], AsyncIterator[Running]]
    gateway_port: int
    answered: dict[str, float] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    refused: int = 0
    unavailable: int = 0
    running: dict[str, Running] = field(default_factory=dict)

    async def spend(self, *, at_most_s: float = 240) -> None:
        """Many callers at once until the balance is spent: all of them hear code 11 then."""
        until = time.monotonic() + at_most_s
        limits = httpx.Limits(max_connections=CALLERS)
        async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=60) as http:
            await asyncio.gather(*(self._press(http, until) for _ in range(CALLERS)))

    async def _press(self, http: httpx.AsyncClient, until: float) -> None:
        while time.monotonic() < until:
            try:
                answer = await http.post(f"http://127.0.0.1:{self.gateway_port}/router/rest", data=_signed())
            except httpx.HTTPError:  # the gateway is away
                await asyncio.sleep(0.1)
                continue
            body = answer.json()
            error = body.get("error_response")
            if error is None:
                self.answered[answer.headers["x-request-id"]] = time.monotonic()
            elif error["code"] == 11:
                self.refused += 1
                return
            else:
                assert error["code"] in (10, 15), body
                self.unavailable += 1
                await asyncio.sleep(0.1)
        raise AssertionError(
            f"after {len(self.answered)} answers and {self.unavailable} refusals of ours there is money left"
        )

    async def booked(self) -> set[str]:
        """Request ids in the ledger."""
        async with open_database(self.database_url) as database, database.read() as connection:
            query = sa.select(balance_ledger.c.reference).where(balance_ledger.c.reason == "call")
            return {row.removeprefix("call:") for row in (await connection.execute(query)).scalars()}

    async def money(self) -> int:
        """The customer's balance in SQL."""
        async with open_database(self.database_url) as database, database.read() as connection:
            return int((await connection.execute(sa.select(customer.c.money))).scalar_one())

    async def until_booked(self, number: int, *, within_s: float = PATIENCE_S) -> set[str]:
        """What is in the ledger as soon as it is so many."""
        async with asyncio.timeout(within_s):
            while len(found := await self.booked()) < number:
                await asyncio.sleep(0.1)
        return found

    async def checked(self) -> Checked:
        """What `pailou ledger check` finds."""
        async with (
            open_database(self.database_url) as database,
            open_redis(self.redis.url, None, timeout_s=PATIENCE_S) as client,
        ):
            (one,) = await check(database, RedisBalances(client))
            return one


def _signed() -> dict[str, str]:
    plain = {
        "method": API, "app_key": "1023", "v": "2.0", "format": "json", "sign_method": "hmac-sha256",
        "timestamp": datetime.now(GMT8).strftime("%Y-%m-%d %H:%M:%S"),
    }  # fmt: skip
    return {**plain, "sign": SigningKey(SECRET).sign(canonical_text(plain), "hmac-sha256")}


@asynccontextmanager
async def open_books(
    *, database_url: str, redis: Redis, rabbitmq_url: str, free_port: Callable[[], int], folder: Path, money_fen: int
) -> AsyncIterator[Books]:
    """A gateway and two admin_api, a service that answers, and one customer with this money."""
    await asyncio.to_thread(upgrade, database_url, "admin_api")
    await _seed(database_url, money_fen)
    async with AsyncExitStack() as stack:
        asked: set[str] = set()

        async def echo(request: Request) -> Response:
            asked.add(request.headers["x-request-id"])
            return JsonAnswer({"ok": True})

        service = service_app([HttpRoute("/echo", echo)], internal_keys=[INTERNAL_KEY])
        service_port = await stack.enter_async_context(serving(service))
        environ = {
            "PAILOU_REDIS_URL": redis.url,
            "PAILOU_RABBITMQ_URL": rabbitmq_url,
            "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
            "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(MASTER_KEYS["k1"]).decode(),
            "PAILOU_ADMIN_DATABASE_URL": database_url,
            "PAILOU_SERVICE_ADDRESSES": f"echo-service=127.0.0.1:{service_port}",
            "PAILOU_DRAIN_S": "0",
        }

        def start(name: str, port: int) -> object:
            ready = "/readyz" if name == "gateway" else "/healthz"
            return serve(name, port, environ, folder, ready_path=ready)

        books = Books(database_url, redis, start, free_port(), asked=asked)
        for name in ("admin-1", "admin-2"):
            books.running[name] = await stack.enter_async_context(start("admin", free_port()))
        books.running["gateway"] = await stack.enter_async_context(start("gateway", books.gateway_port))
        async with asyncio.timeout(PATIENCE_S), open_redis(redis.url, None, timeout_s=PATIENCE_S) as client:
            while (await RedisBalances(client).spendable([1])) == [None]:
                await asyncio.sleep(0.1)
        yield books


class _NobodyListens:
    def wake(self) -> None:
        return


async def _seed(url: str, money_fen: int) -> None:
    async def make(change: Change) -> None:
        owner = await create_customer(change, CustomerDraft(username="isv"))
        top_up = await create_recharge(change, RechargeDraft(cus_id=owner["id"], money=money_fen, payment_type=1))
        await pay_recharge(change, top_up["id"])
        draft = AppDraft(cus_id=owner["id"], corp_name="ISV", app_name="ERP", daily_limit=10**6)
        await create_app(change, Seal(MASTER_KEYS), draft, app_key="1023", app_secret=SECRET)
        await create_mapping(
            change,
            MappingDraft(
                gateway_api_name=API, service_id="echo-service", inside_api_url="/echo", need_session=False, is_open=True,
                needfee=True, price_fen=PRICE_FEN, idempotents=True,
                timeout_ms=30_000,  # the service shares a process with the callers, and is never to be late
            ),
        )  # fmt: skip

    async with open_database(url) as database:
        await Changes(database, SystemClock(), _NobodyListens(), LastKnown()).make(SYSTEM, make)
