"""Today's ranking, log search and statistics: the indexer's words, with the apps' names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from admin_api.app import create_app
from admin_api.settings import AdminSettings
from admin_api.tables.apps import app_info
from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from log_indexer.settings import IndexerSettings
from openplatform.adapters.embedded import Embedded
from openplatform.records import CallLog, QuotaRequest
from openplatform.service_client import ServiceClient
from tests.admin_world import ZONE, Caller, World, eventually, open_world, refusal

KEY = "key-of-the-integration-tests"
NOW = datetime.now(ZONE)
NOW_MS = int(NOW.timestamp() * 1000)
LAST_HOUR = {"from": NOW_MS - 3_600_000, "to": NOW_MS + 3_600_000}


def call_log(number: int, **fields: Any) -> CallLog:
    defaults: dict[str, Any] = {
        "requestId": f"{number:032x}", "appkey": "10000001", "servIP": "127.0.0.1", "venderId": 7, "remoteIp": "10.0.0.9",
        "apiName": "open.order.get", "platformRepTime": 12, "requestContent": "order_id=5 收货人 张三", "errorCode": "0",
        "receiveTime": NOW_MS - number,
    }  # fmt: skip
    return CallLog(**defaults | fields)


@asynccontextmanager
async def asking(world: World, indexer: ASGIApp) -> AsyncIterator[World]:
    """The same admin_api, whose service client reaches this indexer."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(indexer)) as http:
        client = ServiceClient(
            http, world.resources.directory, internal_key=KEY, pinned={"log-indexer": ["indexer:8011"]}
        )
        world.app = create_app(replace(world.resources, services=client), world.settings)
        yield world


@pytest.fixture
async def real(world: World, tmp_path: Path) -> AsyncIterator[World]:
    """admin_api in front of the real log_indexer over SQLite, with four records."""
    settings = IndexerSettings.from_env({
        "PAILOU_RABBITMQ_URL": "memory://", "PAILOU_ELASTICSEARCH_URL": f"sqlite:///{tmp_path}/logs.db",
        "PAILOU_REDIS_URL": "memory://", "PAILOU_INTERNAL_KEYS": KEY,
    })  # fmt: skip
    async with open_indexer(settings, Embedded()) as resources:
        await resources.store.prepare()
        await resources.store.add([
            call_log(1, errorCode="7:accesscontrol.limited-by-app-access-count", platformRepTime=1),
            call_log(2, requestContent="order_id=6 <script>alert(1)</script> 发货"),
            call_log(3, appkey="99999999", apiName="open.stock.get", platformRepTime=900),
            call_log(4, remoteIp="10.0.0.10", venderId=None),
        ])  # fmt: skip
        async with asking(world, create_indexer(resources, settings)) as opened:
            yield opened


async def test_a_search_combines_conditions_and_names_the_apps(real: World) -> None:
    """By app name or key, API, error, address, merchant, duration, request id and keywords; newest first."""
    admin = await real.administrator()
    app = await admin.new_app(app_name="云帆ERP")
    async with real.database.begin() as connection:
        await connection.execute(app_info.update().where(app_info.c.id == app["id"]).values(app_key="10000001"))
    for conditions, numbers in (
        ({}, [1, 2, 3, 4]),
        ({"app": "云帆"}, [1, 2, 4]),
        ({"app": "nobody"}, []),
        ({"app_key": ["99999999", "10000001"], "min_ms": 100}, [3]),
        ({"app": "云帆", "app_key": "99999999"}, []),
        ({"error": "7"}, [1]),
        ({"error": "any"}, [1]),
        ({"error": "0", "api_name": "open.order.get"}, [2, 4]),
        ({"remote_ip": "10.0.0.10"}, [4]),
        ({"vender_id": 7, "max_ms": 20}, [1, 2]),
        ({"request_id": f"{2:032x}"}, [2]),
        ({"q": "发货"}, [2]),
        ({"q": '"收货人 张三" order_id'}, [1, 3, 4]),
        ({"q": "发货 张三"}, []),
    ):
        found = await admin.shown("/logs", **LAST_HOUR, **conditions)
        assert [int(row["requestId"], 16) for row in found["items"]] == numbers, conditions
        assert (found["total"], found["total_is_capped"]) == (len(numbers), False), conditions
    rows = {int(row["requestId"], 16): row for row in (await admin.shown("/logs", **LAST_HOUR))["items"]}
    assert (rows[2]["app_name"], rows[3]["app_name"]) == ("云帆ERP", "")
    assert (rows[1]["venderId"], rows[4]["venderId"]) == (7, None)
    (hit,) = (await admin.shown("/logs", **LAST_HOUR, q="发货"))["items"]
    assert "<em>发货</em>" in hit["highlight"]
    assert "<script>" not in hit["highlight"]


async def test_pages_follow_each_other_by_cursor(real: World) -> None:
    """Each record once; the last page has no cursor; a made-up one is refused."""
    admin = await real.administrator()
    first = await admin.shown("/logs", **LAST_HOUR, size=3)
    second = await admin.shown("/logs", **LAST_HOUR, size=3, cursor=first["cursor"])
    assert [int(row["requestId"], 16) for row in first["items"] + second["items"]] == [1, 2, 3, 4]
    assert second["cursor"] is None
    assert refusal(await admin.get("/logs", **LAST_HOUR, cursor="made-up"))[0] == 422


async def test_one_call_is_found_by_its_request_id(real: World) -> None:
    """With everything that was recorded; for those who may see it."""
    viewer, searcher = await real.operator("log:view"), await real.operator("log:search")
    row = await viewer.shown(f"/logs/{3:032x}")
    assert (row["apiName"], row["platformRepTime"], row["servIP"]) == ("open.stock.get", 900, "127.0.0.1")
    assert refusal(await viewer.get("/logs/unknown")) == (404, "not-found")
    assert refusal(await searcher.get(f"/logs/{3:032x}")) == (403, "forbidden")


async def test_statistics_come_by_api(real: World) -> None:
    """Calls, errors and times over a range to the second, of all APIs or of one."""
    admin = await real.administrator()
    orders, stock = await admin.shown("/stats", **LAST_HOUR)
    assert (orders["api_name"], orders["calls"], orders["errors"]) == ("open.order.get", 3, 1)
    assert (stock["api_name"], stock["mean_ms"]) == ("open.stock.get", 900.0)
    assert [row["api_name"] for row in await admin.shown("/stats", **LAST_HOUR, api_name="open.stock.get")] == [
        "open.stock.get"
    ]
    one_second = {"from": "2024-01-01T08:00:00+08:00", "to": "2024-01-01T00:00:01Z"}
    assert await admin.shown("/stats", **one_second) == []


BAD_RANGES: list[dict[str, Any]] = [
    {}, {"from": NOW_MS}, {"from": NOW_MS, "to": NOW_MS}, {"from": NOW_MS, "to": NOW_MS - 1}, {"from": 0, "to": NOW_MS},
    {"from": NOW_MS - 32 * 86_400_000, "to": NOW_MS}, {"from": "yesterday", "to": NOW_MS}, {"from": "1" * 5000, "to": NOW_MS},
    {"from": "2026-01-01T00:00:00", "to": "2026-01-01T01:00:00"}, {**LAST_HOUR, "size": 101}, {**LAST_HOUR, "size": 10_001},
    {**LAST_HOUR, "remote_ip": "localhost"}, {**LAST_HOUR, "vender_id": -1}, {**LAST_HOUR, "q": "x" * 10_000},
    {**LAST_HOUR, "sort": "requestContent"}, {**LAST_HOUR, "min_ms": "x"}, {**LAST_HOUR, "app_key": ["x"] * 101},
]  # fmt: skip


async def test_a_search_that_makes_no_sense_is_refused(world: World, admin: Caller) -> None:
    """Ranges that end before they begin or are too long, sizes, addresses: 422 before the indexer is asked."""
    for params in BAD_RANGES:
        assert refusal(await admin.get("/logs", **params)) == (422, "invalid"), params
    assert refusal(await admin.get("/stats", **BAD_RANGES[2])) == (422, "invalid")


async def test_without_an_indexer_the_search_says_so_and_the_rest_works(world: World, admin: Caller) -> None:
    """No instance registered: 503 `search-unavailable`, with a word on when to try again."""
    for path in ("/logs", "/stats"):
        answer = await admin.get(path, **LAST_HOUR)
        assert refusal(answer) == (503, "search-unavailable")
        assert answer.headers["retry-after"]
    assert (await admin.get("/apps")).status_code == 200


async def test_an_indexer_that_talks_nonsense_is_unavailable_too(world: World) -> None:
    """A fault, another shape, another language: never passed on as it is, never a fault of ours."""
    answers = [
        JSONResponse({"sub_code": "isp.unknown-error", "sub_msg": "stack trace of the indexer"}, 500),
        JSONResponse({"hits": "none"}),
        JSONResponse([1, 2]),
        Response(b"<html>", media_type="text/html"),
        Response(b"\xff\x00"),
    ]

    async def answer(request: Request) -> Response:
        return answers[0]

    async with asking(world, Starlette(routes=[Route("/logs", answer)])):
        admin = await world.administrator()
        while answers:
            refused = await admin.get("/logs", **LAST_HOUR)
            assert refusal(refused) == (503, "search-unavailable")
            assert "stack trace" not in refused.text
            answers.pop(0)


async def test_the_ranking_shows_the_ten_most_called_apis_of_a_day(world: World, admin: Caller) -> None:
    """As the gateways counted accepted calls, in the platform's zone; another day is empty."""
    await eventually(world.resources.counters.is_complete, 15)  # the relay marks a new Redis' counters as true
    for n in range(12):
        for _ in range(n + 1):
            call = QuotaRequest(app_key="10000001", api_name=f"open.n{n}.get", daily_limit=None, minute_limit=None)
            await world.resources.quota.admit(call)
    ranking = await admin.shown("/rank")
    assert ranking["day"] == datetime.now(ZONE).date().isoformat()
    assert [(row["api_name"], row["calls"]) for row in ranking["items"]] == [
        (f"open.n{n}.get", n + 1) for n in range(11, 1, -1)
    ]
    assert ranking["items"][0]["share"] == round(12 / sum(range(3, 13)), 4)
    assert (await admin.shown("/rank", day="2024-02-29"))["items"] == []
    assert refusal(await admin.get("/rank", day="2023-02-29")) == (422, "invalid")


async def test_the_ranking_is_unavailable_without_redis(settings: AdminSettings, free_port: Any) -> None:
    """503, and nothing is said to be empty."""
    async with open_world(replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0"), None) as world:
        admin = await world.administrator()
        assert refusal(await admin.get("/rank")) == (503, "platform-unavailable")
