"""log_indexer as a whole on embedded parts: from the queue to the answers of /logs, /stats, /lag, /metrics, bad input included."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from log_indexer.app import open_app
from log_indexer.settings import SERVICE_ID, IndexerSettings
from openplatform.adapters.backends import open_log_publisher
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.errors import SettingsError
from openplatform.web import SystemClock
from tests.unit.log_indexer.parts import call_log, lines
from tests.waiting import until

KEY = "0123456789abcdef"
NOON_MS = 1_750_000_000_000
RANGE = {"from_ms": NOON_MS - 1000, "to_ms": NOON_MS + 1000}
AT_REST = {"lag_s": 0.0, "depth": 0, "last_indexed_ms": NOON_MS + 2}
"""/lag when the three calls of `client` are indexed and nothing of their batch is left."""


def settings(folder: Path, **changes: Any) -> IndexerSettings:
    """The all-in-one's settings."""
    values: dict[str, Any] = {
        "rabbitmq_url": "memory://",
        "elasticsearch_url": f"sqlite:///{folder}/logs.db",
        "redis_url": "memory://",
        "internal_keys": (KEY,),
        "log_retention_days": 3650,
    }
    return IndexerSettings(**(values | changes))


@asynccontextmanager
async def indexer(using: IndexerSettings, embedded: Embedded) -> AsyncIterator[httpx.AsyncClient]:
    """A running indexer, and a client that knows its key."""
    async with open_app(using, embedded) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"X-Internal-Key": KEY}
        async with httpx.AsyncClient(transport=transport, base_url="http://indexer", headers=headers) as client:
            yield client


@pytest.fixture
def embedded() -> Embedded:
    return Embedded()


@pytest.fixture
async def client(embedded: Embedded, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An indexer that has indexed three calls and put one line aside."""
    async with indexer(settings(tmp_path), embedded) as client:
        async with open_log_publisher("memory://", embedded) as publisher:
            batch = lines(
                call_log("r1", receiveTime=NOON_MS, requestContent="订单 <b>x</b>", platformRepTime=10),
                call_log("r2", receiveTime=NOON_MS + 1, errorCode="27:session-expired", platformRepTime=30),
                call_log("r3", receiveTime=NOON_MS + 2, apiName="jd.sku.get", platformRepTime=50),
            )
            await publisher.publish(batch + b"poison\n", node="gw-1")

        async def settled() -> bool:  # records can be found a moment before their batch is done with
            return bool((await client.get("/lag")).json() == AT_REST)

        await until(settled)
        yield client


async def test_a_call_is_found(client: httpx.AsyncClient, embedded: Embedded) -> None:
    """By its words, with a safe highlight and every field of its record; what was no record lies in the dead letters."""
    answer = await client.get("/logs", params=RANGE | {"q": "订单"})
    assert answer.status_code == 200
    page = answer.json()
    assert (page["total"], page["total_is_capped"], page["cursor"]) == (1, False, None)
    assert page["hits"][0]["highlight"] == "<em>订单</em> &lt;b&gt;x&lt;/b&gt;"
    assert page["hits"][0]["log"]["requestId"] == "r1"
    assert page["hits"][0]["log"]["createTime"] > NOON_MS
    assert [letter.body for letter in embedded.dead_letters] == [b"poison"]


async def test_pages_and_conditions(client: httpx.AsyncClient) -> None:
    """Newest first, page by page; conditions narrow."""
    first = (await client.get("/logs", params=RANGE | {"size": 2})).json()
    assert [hit["log"]["requestId"] for hit in first["hits"]] == ["r3", "r2"]
    second = (await client.get("/logs", params=RANGE | {"size": 2, "cursor": first["cursor"]})).json()
    assert [hit["log"]["requestId"] for hit in second["hits"]] == ["r1"]
    assert second["cursor"] is None
    errors = (await client.get("/logs", params=RANGE | {"error": "any", "app_key": ["a", "b"]})).json()
    assert [hit["log"]["requestId"] for hit in errors["hits"]] == ["r2"]


async def test_statistics(client: httpx.AsyncClient) -> None:
    """By API, most called first, or of one API."""
    stats = (await client.get("/stats", params=RANGE)).json()["stats"]
    assert [(s["key"], s["calls"], s["errors"], s["mean_ms"]) for s in stats] == [
        ("jd.order.get", 2, 1, 20.0),
        ("jd.sku.get", 1, 0, 50.0),
    ]
    one = (await client.get("/stats", params=RANGE | {"api_name": "jd.sku.get"})).json()["stats"]
    assert one == [stats[1]]


async def test_statistics_of_some_calls_by_something_else(client: httpx.AsyncClient) -> None:
    """The calls that fit the conditions, by error, or over time."""
    errors = (await client.get("/stats", params=RANGE | {"by": "error", "api_name": "jd.order.get"})).json()
    assert {row["key"]: row["calls"] for row in errors["stats"]} == {"0": 1, "27:session-expired": 1}
    (second,) = (await client.get("/stats", params=RANGE | {"by": "time"})).json()["stats"]
    assert (second["key"], second["calls"], second["max_ms"]) == (str(NOON_MS), 3, 50)


async def test_a_histogram_has_no_gaps(client: httpx.AsyncClient) -> None:
    """A bar for each interval of the range; those that fit the conditions are counted."""
    histogram = (await client.get("/logs/histogram", params=RANGE)).json()
    assert histogram["interval_ms"] == 1000
    assert [(bar["calls"], bar["errors"]) for bar in histogram["buckets"]] == [(0, 0), (3, 1)]
    some = (await client.get("/logs/histogram", params=RANGE | {"q": "订单"})).json()
    assert [bar["calls"] for bar in some["buckets"]] == [0, 1]


async def test_an_export_is_a_line_for_each_record(client: httpx.AsyncClient) -> None:
    """Newest first, those that fit only; the number of lines comes first, and alone when only asked for."""
    answer = await client.get("/logs/export", params=RANGE)
    assert (answer.headers["x-total-count"], answer.headers["content-type"]) == ("3", "application/x-ndjson")
    records = [json.loads(line) for line in answer.text.splitlines()]
    assert [record["requestId"] for record in records] == ["r3", "r2", "r1"]
    assert records[2]["requestContent"] == "订单 <b>x</b>"
    only = await client.get("/logs/export", params=RANGE | {"error": "any"})
    assert [json.loads(line)["requestId"] for line in only.text.splitlines()] == ["r2"]
    asked = await client.head("/logs/export", params=RANGE)
    assert (asked.headers["x-total-count"], asked.content) == ("3", b"")


async def test_a_page_says_how_far_indexing_has_come(client: httpx.AsyncClient) -> None:
    """With nothing waiting, that is now."""
    before_ms = int(time.time() * 1000)

    page = (await client.get("/logs", params=RANGE)).json()
    assert page["indexed_to_ms"] >= before_ms
    assert page["is_partial"] is False


async def test_lag_and_metrics(client: httpx.AsyncClient) -> None:
    """With nothing waiting the lag is 0; the counters say what became of the records; no key is needed on this machine."""
    at_rest = {"pailou_log_lag_seconds 0.0", "pailou_log_queue_depth 0.0", "pailou_dlq_messages 1.0"}
    del client.headers["X-Internal-Key"]

    async def measured() -> bool:  # once a second
        return at_rest <= set((await client.get("/metrics")).text.splitlines())

    await until(measured)
    metrics = (await client.get("/metrics")).text
    assert 'pailou_indexer_docs_total{result="created"} 3.0' in metrics
    assert 'pailou_indexer_docs_total{result="deadletter"} 1.0' in metrics
    assert 'analyzer="unicode61"' in metrics


async def test_health_and_place_in_the_directory(client: httpx.AsyncClient, embedded: Embedded) -> None:
    """Ready while queue and store answer; others find it under its service id."""
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (
        200,
        {"queue": "ok", "store": "ok", "store takes writes": "ok"},
    )
    facts = ready.json()["facts"]
    assert facts["store"].endswith("FTS5") and (facts["analyzer"], facts["finds"]) == ("unicode61", "characters")
    async with open_redis("memory://", embedded) as redis:
        (instance,) = await RedisServiceDirectory(redis, SystemClock()).instances(SERVICE_ID)
    assert instance.address == "127.0.0.1:8011"


BAD = {
    "no range": ("/logs", {}, "isv.missing-parameter:from_ms"),
    "from after to": ("/logs", {"from_ms": "2", "to_ms": "1"}, "isv.invalid-parameter:to_ms"),
    "ten years": ("/logs", {"from_ms": "0", "to_ms": "315360000000"}, "isv.invalid-parameter:to_ms"),
    "size": ("/logs", RANGE | {"size": "10001"}, "isv.invalid-parameter:size"),
    "cursor": ("/logs", RANGE | {"cursor": "xyz"}, "isv.invalid-parameter:cursor"),
    "forged cursor": ("/logs", RANGE | {"cursor": "W251bGwsbnVsbF0"}, "isv.invalid-parameter:cursor"),
    "address": ("/logs", RANGE | {"remote_ip": "'; DROP TABLE call_log"}, "isv.invalid-parameter:remote_ip"),
    "sort": ("/logs", RANGE | {"sort": "requestContent"}, "isv.invalid-parameter:sort"),
    "q": ("/logs", RANGE | {"q": "x" * 10_001}, "isv.invalid-parameter:q"),
    "number": ("/logs", RANGE | {"min_ms": "NaN"}, "isv.invalid-parameter:min_ms"),
    "statistics without range": ("/stats", {"from_ms": "1"}, "isv.missing-parameter:to_ms"),
    "statistics by anything": ("/stats", RANGE | {"by": "servIP"}, "isv.invalid-parameter:by"),
    "wildcard": ("/logs", RANGE | {"q": "*der"}, "isv.invalid-parameter:q"),
    "no word": ("/logs", RANGE | {"q": "{}[]()!^~:\\/"}, "isv.invalid-parameter:q"),
    "network": ("/logs", RANGE | {"remote_ip": "10.0.0.0/99"}, "isv.invalid-parameter:remote_ip"),
    "histogram without range": ("/logs/histogram", {"to_ms": "1"}, "isv.missing-parameter:from_ms"),
    "histogram of an interval": ("/logs/histogram", RANGE | {"interval_ms": "1"}, "isv.invalid-parameter:interval_ms"),
    "export of ten years": ("/logs/export", {"from_ms": "0", "to_ms": "315360000000"}, "isv.invalid-parameter:to_ms"),
    "export of a page": ("/logs/export", RANGE | {"size": "10"}, "isv.invalid-parameter:size"),
}


@pytest.mark.parametrize(("path", "params", "sub_code"), BAD.values(), ids=BAD.keys())
async def test_bad_requests(client: httpx.AsyncClient, path: str, params: dict[str, Any], sub_code: str) -> None:
    """400, the parameter's name, and one sentence."""
    answer = await client.get(path, params=params)
    assert answer.status_code == 400
    assert answer.json()["sub_code"] == sub_code
    assert len(answer.json()["sub_msg"]) > 10


HARMLESS = ['"a*" OR b', "</em><script>", "id:{x}[y]", "订" * 2_000, "a\0b", "%00", "NEAR(a b, 3)", "_" * 9, "a:/.*/"]


@pytest.mark.parametrize("q", HARMLESS)
async def test_no_keyword_breaks_the_search(client: httpx.AsyncClient, q: str) -> None:
    """Whatever is typed is looked for, not executed."""
    answer = await client.get("/logs", params=RANGE | {"q": q})
    assert (answer.status_code, answer.json()["hits"]) == (200, [])


@pytest.mark.parametrize("path", ["/logs", "/logs/histogram", "/logs/export", "/stats", "/lag"])
@pytest.mark.parametrize("key", ["", "wrong-key-of-16-c", "0123456789abcdeé"])
async def test_the_key_is_needed(client: httpx.AsyncClient, path: str, key: str) -> None:
    """Without the internal key nothing is told."""
    answer = await client.get(path, params=RANGE, headers={"X-Internal-Key": key.encode()})
    assert answer.status_code == 401


async def test_other_methods_and_paths(client: httpx.AsyncClient) -> None:
    """Refused, not crashed."""
    assert (await client.post("/logs")).status_code == 405
    assert (await client.get("/nothing")).status_code == 404


async def test_a_store_that_is_down_is_busy(tmp_path: Path, free_port: Any, embedded: Embedded) -> None:
    """Search and statistics answer 503, readiness says why; the lag grows while a batch waits; the stop is quick."""
    using = settings(tmp_path, elasticsearch_url=f"http://127.0.0.1:{free_port()}")
    async with indexer(using, embedded) as client, open_log_publisher("memory://", embedded) as publisher:
        await publisher.publish(lines(call_log("r1")), node="gw-1")
        for path in ("/logs", "/logs/histogram", "/logs/export", "/stats"):
            answer = await client.get(path, params=RANGE)
            assert (answer.status_code, answer.json()["sub_code"]) == (503, "isp.platform-unavailable")
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["queue"]) == (503, "ok")
        lag = (await client.get("/lag")).json()
        assert lag["depth"] == 1
        assert lag["lag_s"] > 0
    assert embedded.log_batches.qsize() == 1


async def test_what_waits_in_memory_is_indexed_before_the_stop(tmp_path: Path, embedded: Embedded) -> None:
    """The in-process queue does not outlive the process, so the indexer empties it; the next start finds the records."""
    using = settings(tmp_path)
    async with indexer(using, embedded), open_log_publisher("memory://", embedded) as publisher:
        for n in range(50):
            await publisher.publish(lines(call_log(f"r{n}", receiveTime=NOON_MS)), node="gw-1")
    async with indexer(using, Embedded()) as client:
        assert (await client.get("/logs", params=RANGE)).json()["total"] == 50


async def test_memory_belongs_to_the_all_in_one(tmp_path: Path) -> None:
    """An indexer started alone refuses a queue that nobody else can reach, and names the variable."""
    with pytest.raises(SettingsError, match="PAILOU_RABBITMQ_URL"):
        async with open_app(settings(tmp_path)):
            pass
    with pytest.raises(SettingsError, match="PAILOU_ELASTICSEARCH_URL"):
        async with open_app(settings(tmp_path, elasticsearch_url="sqlite:///"), Embedded()):
            pass
