"""What the log store makes of an Elasticsearch that is overloaded, half broken, behind a proxy with limits, or gone.

A scripted server stands for it, since a real one cannot be made to answer so on command.
"""

import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from openplatform.adapters.call_log_store_elasticsearch import ElasticsearchCallLogStore, open_elasticsearch_store
from openplatform.adapters.elasticsearch_bulk import MAX_BODY_BYTES
from openplatform.errors import PlatformUnavailable, StoreRejected
from openplatform.records import CallLog, LogQuery, StatsQuery
from tests.contract.call_log_store.samples import record

Answer = tuple[int, Any]
HEADERS = {"X-Elastic-Product": "Elasticsearch"}
RANGE = LogQuery(from_ms=0, to_ms=1000)
COUNTED = StatsQuery(from_ms=0, to_ms=1000)


class Scripted:
    """Answers `_bulk` by a function of the ids it brings, everything else by (method, path); keeps what was asked."""

    def __init__(self) -> None:
        self.bulks: list[list[str]] = []
        self.asked: list[str] = []
        self.on_bulk: Callable[[list[str]], Answer] = lambda ids: (200, done(ids))
        self.answers: dict[str, Answer] = {}

    async def answer(self, request: web.Request) -> web.Response:
        asked = f"{request.method} {request.path}"
        self.asked.append(asked)
        if request.path == "/_bulk":
            actions = (await request.text()).splitlines()[::2]
            self.bulks.append([json.loads(action)["create"]["_id"] for action in actions])
            status, body = self.on_bulk(self.bulks[-1])
        else:
            status, body = self.answers.get(asked, (500, {"error": {"type": "unscripted", "reason": asked}}))
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html")
        return web.json_response(body, status=status, headers=HEADERS)


def done(ids: list[str], **statuses: int) -> dict[str, Any]:
    """A bulk's answer: 201 for each but those with another status, by id."""
    items = []
    for one in ids:
        status = statuses.get(one, 201)
        error = {"error": {"type": f"type_{status}", "reason": "because"}} if status >= 400 else {}
        items.append({"create": {"status": status} | error})
    return {"errors": bool(set(statuses) & set(ids)), "items": items}


def error(kind: str) -> dict[str, Any]:
    """An error's body."""
    return {"error": {"root_cause": [{"type": kind, "reason": "because"}], "type": kind, "reason": "because"}}


@pytest.fixture
def server() -> Scripted:
    return Scripted()


@pytest.fixture
async def store(server: Scripted) -> AsyncIterator[ElasticsearchCallLogStore]:
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(app) as listening, open_elasticsearch_store(str(listening.make_url("/"))) as store:
        yield store


def some(*ids: str, **fields: Any) -> list[CallLog]:
    """Records with these ids."""
    return [record(one, **fields) for one in ids]


async def outcomes(store: ElasticsearchCallLogStore, records: list[CallLog]) -> list[str]:
    """What became of each."""
    return [verdict.outcome for verdict in await store.add(records)]


async def test_each_item_is_judged_by_itself(store: ElasticsearchCallLogStore, server: Scripted) -> None:
    """A shard that is away or busy makes its records worth repeating, and no others."""
    server.on_bulk = lambda ids: (200, done(ids, b=503, c=429, d=409, e=400))
    assert await outcomes(store, some("a", "b", "c", "d", "e")) == ["created", "retry", "retry", "duplicate", "refused"]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503, 504])
async def test_a_request_that_is_refused_as_a_whole_is_an_outage(
    store: ElasticsearchCallLogStore, server: Scripted, status: int
) -> None:
    """Overload, missing rights, a proxy's error page: nothing of it is known to be stored, nothing is given up."""
    for body in (error("anything"), "<html>nginx</html>"):
        server.on_bulk = lambda ids, body=body: (status, body)
        with pytest.raises(PlatformUnavailable):
            await store.add(some("a", "b"))


@pytest.mark.parametrize("status", [413, 400])
async def test_a_request_that_is_too_large_or_unreadable_is_halved(
    store: ElasticsearchCallLogStore, server: Scripted, status: int
) -> None:
    """Until it fits; the one record that never does is refused with the reason, its mates are stored."""

    def spoiled(ids: list[str]) -> Answer:
        return (status, error("spoiled")) if "bad" in ids else (200, done(ids))

    server.on_bulk = spoiled
    assert await outcomes(store, some("a", "b", "bad", "c", "d")) == [
        "created",
        "created",
        "refused",
        "created",
        "created",
    ]
    assert ["bad"] in server.bulks


async def test_large_bulks_are_several_requests(store: ElasticsearchCallLogStore, server: Scripted) -> None:
    """Each within its bound; when a later one fails, what was stored before counts, and only the rest is repeated."""
    server.on_bulk = lambda ids: (503, error("busy")) if "e" in ids else (200, done(ids))
    records = some("a", "b", "c", "d", "e", "f", requestContent="x" * (MAX_BODY_BYTES // 3))
    assert await outcomes(store, records) == ["created"] * 4 + ["retry"] * 2
    assert server.bulks == [["a", "b"], ["c", "d"], ["e", "f"]]


async def test_a_missing_index_is_created(store: ElasticsearchCallLogStore, server: Scripted) -> None:
    """Where the cluster creates none by itself; the record is worth repeating then, whoever created it."""
    item = {"create": {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no such index"}}}
    server.on_bulk = lambda ids: (200, {"errors": True, "items": [item]})
    for answer in ((200, {"acknowledged": True}), (400, error("resource_already_exists_exception"))):
        server.answers["PUT /gateway-log-2025.06.15"] = answer
        assert await outcomes(store, some("a")) == ["retry"]
    assert server.asked.count("PUT /gateway-log-2025.06.15") == 2


@pytest.mark.parametrize("body", [{}, {"errors": False}, {"errors": False, "items": []}])
async def test_an_answer_that_confirms_nothing_is_not_believed(
    store: ElasticsearchCallLogStore, server: Scripted, body: dict[str, Any]
) -> None:
    """Records without a verdict of their own are sent again."""
    server.on_bulk = lambda ids: (200, body)
    assert await outcomes(store, some("a", "b")) == ["retry", "retry"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_search_that_fails_is_an_outage(
    store: ElasticsearchCallLogStore, server: Scripted, status: int
) -> None:
    """Never an empty page: missing answers would look like missing calls."""
    server.answers["POST /gateway-log/_search"] = (status, error("search_phase_execution_exception"))
    with pytest.raises(PlatformUnavailable):
        await store.search(RANGE)
    with pytest.raises(PlatformUnavailable):
        await store.stats(COUNTED)
    with pytest.raises(PlatformUnavailable):
        await store.count(RANGE)
    with pytest.raises(PlatformUnavailable):
        await store.histogram(RANGE, interval_ms=1000)


def found(*, timed_out: bool, failed: int) -> dict[str, Any]:
    """The answer to a search that found nothing."""
    hits = {"total": {"value": 0, "relation": "eq"}, "hits": []}
    return {"timed_out": timed_out, "_shards": {"total": 3, "failed": failed}, "hits": hits, "aggregations": {}}


async def test_a_search_that_ran_out_of_time_is_partial(store: ElasticsearchCallLogStore, server: Scripted) -> None:
    """It says so; so does a histogram."""
    server.answers["POST /gateway-log/_search"] = (200, found(timed_out=True, failed=0))
    assert (await store.search(RANGE)).is_partial
    server.answers["POST /gateway-log/_search"] = (
        200,
        found(timed_out=True, failed=0) | {"aggregations": {"groups": {"buckets": []}}},
    )
    assert (await store.histogram(RANGE, interval_ms=1000)).is_partial


async def test_a_search_without_some_shards_is_an_outage(store: ElasticsearchCallLogStore, server: Scripted) -> None:
    """What they hold would look like calls that never were."""
    server.answers["POST /gateway-log/_search"] = (200, found(timed_out=False, failed=1))
    for work in (store.search(RANGE), store.histogram(RANGE, interval_ms=1000), store.count(RANGE)):
        with pytest.raises(PlatformUnavailable, match="shards"):
            await work


async def test_a_search_that_is_refused_is_the_callers(store: ElasticsearchCallLogStore, server: Scripted) -> None:
    """With the store's reason."""
    server.answers["POST /gateway-log/_search"] = (400, error("parsing_exception"))
    with pytest.raises(StoreRejected, match="parsing_exception: because"):
        await store.search(RANGE)


@pytest.mark.parametrize("version", ["8.19.9", "9.1.0", "10.0.0"])
async def test_the_template_fits_the_servers_version(
    store: ElasticsearchCallLogStore, server: Scripted, version: str
) -> None:
    """Each major version has its data file; newer ones get the newest there is. The plugin's analyser is used where it answers."""
    server.answers["GET /_nodes"] = (200, {"nodes": {"a": {"version": version}}})
    server.answers["POST /_analyze"] = (200, {"tokens": []})
    server.answers["PUT /_index_template/gateway-log"] = (200, {"acknowledged": True})
    assert f"Elasticsearch {version}, requestContent analysed by ik_max_word" in str(await store.prepare())


async def test_a_server_that_is_gone_is_an_outage(free_port: Callable[[], int]) -> None:
    """Every method says so, in no driver's words."""
    async with open_elasticsearch_store(f"http://127.0.0.1:{free_port()}") as store:
        for work in (
            store.prepare(),
            store.add(some("a")),
            store.search(LogQuery(from_ms=0, to_ms=1, keywords=("订单",))),
            store.stats(COUNTED),
            store.count(RANGE),
            store.histogram(RANGE, interval_ms=1000),
            store.drop_before(date(2025, 1, 1)),
        ):
            with pytest.raises(PlatformUnavailable, match="elasticsearch"):
                await work
