"""Today's ranking, log search and statistics: the indexer's words, with the apps' names."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from admin_api.settings import AdminSettings
from admin_api.tables.apps import app_info
from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from openplatform.adapters.embedded import Embedded
from openplatform.records import CallLog, QuotaRequest
from tests.admin_world import ZONE, Caller, World, open_world, refusal
from tests.integration.admin_api.indexing import asking, indexer_settings
from tests.waiting import until

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


@pytest.fixture
async def real(world: World, tmp_path: Path) -> AsyncIterator[World]:
    """admin_api in front of the real log_indexer over SQLite, with four records."""
    async with open_indexer(indexer_settings(tmp_path), Embedded()) as resources:
        await resources.store.prepare()
        await resources.store.add([
            call_log(1, errorCode="7:accesscontrol.limited-by-app-access-count", platformRepTime=1),
            call_log(2, requestContent="order_id=6 <script>alert(1)</script> 发货"),
            call_log(3, appkey="99999999", apiName="open.stock.get", platformRepTime=900),
            call_log(4, remoteIp="10.0.0.10", venderId=None),
        ])  # fmt: skip
        async with asking(world, create_indexer(resources, indexer_settings(tmp_path))) as opened:
            yield opened


async def name_app(real: World, admin: Caller) -> None:
    """Gives 10000001 to an app called 云帆ERP."""
    app = await admin.new_app(app_name="云帆ERP")
    async with real.database.begin() as connection:
        await connection.execute(app_info.update().where(app_info.c.id == app["id"]).values(app_key="10000001"))


async def test_a_search_combines_conditions_and_names_the_apps(real: World) -> None:
    """By app name or key, API, error, address, merchant, duration, request id and keywords; newest first."""
    admin = await real.administrator()
    await name_app(real, admin)
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
        ({"remote_ip": "10.0.0.8/29"}, [1, 2, 3, 4]),
        ({"remote_ip": "10.0.0.9/32"}, [1, 2, 3]),
        ({"sort": "-ms", "app": "云帆"}, [2, 4, 1]),
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
    orders, stock = (await admin.shown("/stats", **LAST_HOUR))["items"]
    assert (orders["key"], orders["calls"], orders["errors"], orders["limited"]) == ("open.order.get", 3, 1, 1)
    assert (stock["key"], stock["mean_ms"], stock["max_ms"]) == ("open.stock.get", 900.0, 900.0)
    slow = await admin.shown("/stats", **LAST_HOUR, min_ms=100)
    assert ([row["key"] for row in slow["items"]], slow["others"]) == (["open.stock.get"], 0)
    one_second = {"from": "2024-01-01T08:00:00+08:00", "to": "2024-01-01T00:00:01Z"}
    assert await admin.shown("/stats", **one_second) == {"items": [], "others": 0}
    assert (await admin.shown("/stats", **LAST_HOUR, app="nobody"))["items"] == []


async def test_statistics_come_by_app_merchant_error_and_over_time(real: World) -> None:
    """Apps with their names; in the order asked for; as a file too."""
    admin = await real.administrator()
    await name_app(real, admin)
    by_app = (await admin.shown("/stats", **LAST_HOUR, by="app", sort="-mean_ms"))["items"]
    assert [(row["key"], row["name"], row["calls"]) for row in by_app] == [
        ("99999999", "", 1),
        ("10000001", "云帆ERP", 3),
    ]
    by_vender = (await admin.shown("/stats", **LAST_HOUR, by="vender", sort="key"))["items"]
    assert [(row["key"], row["calls"]) for row in by_vender] == [("", 1), ("7", 3)]
    by_error = (await admin.shown("/stats", **LAST_HOUR, by="error", sort="-error_rate"))["items"]
    assert [(row["key"], row["errors"]) for row in by_error] == [
        ("7:accesscontrol.limited-by-app-access-count", 1),
        ("0", 0),
    ]
    over_time = (await admin.shown("/stats", **LAST_HOUR, by="time"))["items"]
    assert sum(row["calls"] for row in over_time) == 4
    assert all(int(row["key"]) % 60_000 == 0 for row in over_time)
    answer = await admin.get("/stats/export", **LAST_HOUR, by="app")
    head, first, second, end = answer.content.removeprefix(b"\xef\xbb\xbf").decode().split("\r\n")
    assert head == "app,app_name,calls,errors,limited,mean_ms,p50_ms,p95_ms,p99_ms,max_ms,mean_service_ms"
    assert (first.startswith("10000001,云帆ERP,3,1,1,"), second, end) == (
        True,
        "99999999,,1,0,0,900.0,900.0,900.0,900.0,900.0,",
        "",
    )


async def test_a_histogram_comes_over_the_same_conditions(real: World) -> None:
    """No more than 60 bars, none left out."""
    admin = await real.administrator()
    for conditions, calls, errors in (({}, 4, 1), ({"q": "发货"}, 1, 0), ({"app": "nobody"}, 0, 0)):
        bars = await admin.shown("/logs/histogram", **LAST_HOUR, **conditions)
        assert len(bars["buckets"]) <= 60
        assert sum(bar["calls"] for bar in bars["buckets"]) == calls
        assert sum(bar["errors"] for bar in bars["buckets"]) == errors


async def test_a_call_has_neighbours(real: World) -> None:
    """Of the same app, within a minute, newest first, the call itself among them."""
    viewer = await real.operator("log:view")
    rows = await viewer.shown(f"/logs/{2:032x}/neighbours")
    assert [int(row["requestId"], 16) for row in rows] == [1, 2, 4]
    assert refusal(await viewer.get("/logs/unknown/neighbours")) == (404, "not-found")


BAD_RANGES: list[dict[str, Any]] = [
    {}, {"from": NOW_MS}, {"from": NOW_MS, "to": NOW_MS}, {"from": NOW_MS, "to": NOW_MS - 1}, {"from": 0, "to": NOW_MS},
    {"from": NOW_MS - 32 * 86_400_000, "to": NOW_MS}, {"from": "yesterday", "to": NOW_MS}, {"from": "1" * 5000, "to": NOW_MS},
    {"from": "2026-01-01T00:00:00", "to": "2026-01-01T01:00:00"}, {**LAST_HOUR, "size": 101}, {**LAST_HOUR, "size": 10_001},
    {**LAST_HOUR, "remote_ip": "localhost"}, {**LAST_HOUR, "vender_id": -1}, {**LAST_HOUR, "q": "x" * 10_000},
    {**LAST_HOUR, "remote_ip": "10.0.0.0/33"}, {**LAST_HOUR, "sort": "requestContent"}, {**LAST_HOUR, "by": "api"},
    {**LAST_HOUR, "min_ms": "x"}, {**LAST_HOUR, "app_key": ["x"] * 101},
]  # fmt: skip


async def test_a_search_that_makes_no_sense_is_refused(world: World, admin: Caller) -> None:
    """Ranges that end before they begin or are too long, sizes, addresses: 422 before the indexer is asked."""
    for params in BAD_RANGES:
        assert refusal(await admin.get("/logs", **params)) == (422, "invalid"), params
    assert refusal(await admin.get("/stats", **BAD_RANGES[2])) == (422, "invalid")


NOTHING_FITS: list[int] = []
TYPED: dict[str, tuple[str, list[int] | None]] = {
    "leading wildcard": ("*rder_id", None),
    "trailing wildcard": ("order_*", None),
    "only a wildcard": ("*", None),
    "only operators": ("&& || !", None),
    "10 kB": ("x" * 10_000, None),
    "more keywords than anybody needs": (" ".join(map(str, range(21))), None),
    "operators of Lucene": ("order_id AND NOT 5", NOTHING_FITS),
    "a field of Lucene": ("errorCode:0", NOTHING_FITS),
    "a range of Lucene": ("[0 TO 9]", NOTHING_FITS),
    "a regular expression": ("/order.*/", NOTHING_FITS),
    "fuzzy and boosted": ("ordr~2 order^9", NOTHING_FITS),
    "a quote without its partner": ('"发货', [2]),
    "script": ("<script>", [2]),
    "the end of our own mark": ("</em><script>alert(1)</script>", NOTHING_FITS),
}


@pytest.mark.parametrize(("typed", "numbers"), TYPED.values(), ids=TYPED.keys())
async def test_whatever_is_typed_is_looked_for_or_refused(real: World, typed: str, numbers: list[int] | None) -> None:
    """Never executed: words are words. What could find nothing is refused with a reason in both languages."""
    searcher = await real.operator("log:search")
    answer = await searcher.get("/logs", **LAST_HOUR, q=typed)
    if numbers is None:
        assert refusal(answer) == (422, "invalid")
        assert "q" in answer.json()["detail"]
        assert any("\u4e00" <= character <= "\u9fff" for character in answer.json()["detail_zh"])
        return
    assert [int(row["requestId"], 16) for row in answer.json()["items"]] == numbers
    for row in answer.json()["items"]:
        assert set(re.findall("<[^>]*>", row["highlight"])) <= {"<em>", "</em>"}


async def test_without_an_indexer_the_search_says_so_and_the_rest_works(world: World, admin: Caller) -> None:
    """No instance registered: 503 `search-unavailable`, with a word on when to try again."""
    for path in ("/logs", "/logs/histogram", "/logs/export", "/logs/someone", "/stats", "/stats/export"):
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
    await until(world.resources.counters.is_complete)  # the relay marks a new Redis' counters as true
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


async def test_the_ranking_is_unavailable_without_redis(settings: AdminSettings) -> None:
    """503, and nothing is said to be empty."""
    async with open_world(replace(settings, redis_url="redis://127.0.0.1:1/0"), None) as world:
        admin = await world.administrator()
        assert refusal(await admin.get("/rank")) == (503, "platform-unavailable")
