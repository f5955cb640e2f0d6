"""What log_indexer answers becomes statistics; anything else becomes an error that makes the monitor blind."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.clients import INDEXER, LogIndexerClient
from openplatform.errors import OpenPlatformError
from openplatform.records import Instance
from openplatform.service_client import ServiceClient

STATS = {
    "key": "open.order.get",
    "calls": 3,
    "errors": 1,
    "mean_ms": 2315,
    "p50_ms": 2000.5,
    "p95_ms": 4000,
    "p99_ms": 4000,
    "mean_service_ms": None,
}


class NoDirectory:
    """Plays ServiceDirectory; addresses are pinned, so it is never asked."""

    async def beat(self, instance: Instance) -> None:
        raise AssertionError

    async def leave(self, instance: Instance) -> None:
        raise AssertionError

    async def instances(self, service_id: str) -> list[Instance]:
        raise AssertionError


class Indexer:
    """Plays log_indexer over HTTP."""

    def __init__(self) -> None:
        self.answer: Any = {"stats": [STATS], "lag_s": 1.5, "depth": 4, "last_indexed_ms": 1_764_000_000_000}
        self.status = 200
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/stats", self.reply), Route("/lag", self.reply)])

    async def reply(self, request: Request) -> Response:
        self.asked.append(str(request.url))
        assert request.headers["x-internal-key"] == "0123456789abcdef"
        return JSONResponse(self.answer, self.status)


@pytest.fixture
def indexer() -> Indexer:
    return Indexer()


@pytest.fixture
async def client(indexer: Indexer) -> AsyncIterator[LogIndexerClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(indexer.app)) as http:
        pinned = {INDEXER: ("127.0.0.1:8011",)}
        yield LogIndexerClient(ServiceClient(http, NoDirectory(), internal_key="0123456789abcdef", pinned=pinned))


async def test_statistics_and_lag_are_read(indexer: Indexer, client: LogIndexerClient) -> None:
    """Whole numbers where fractions are expected are fine."""
    (stats,) = await client.stats(from_ms=1000, to_ms=2000)
    assert (stats.api_name, stats.calls, stats.errors, stats.mean_ms, stats.p95_ms) == (
        "open.order.get",
        3,
        1,
        2315,
        4000,
    )
    assert (await client.lag()).lag_s == 1.5
    assert indexer.asked == ["http://127.0.0.1:8011/stats?from_ms=1000&to_ms=2000", "http://127.0.0.1:8011/lag"]


@pytest.mark.parametrize(
    "answer", [{}, {"stats": None}, {"stats": [{}]}, {"stats": [{**STATS, "mean_ms": "slow"}]}, []]
)
async def test_an_answer_of_another_shape_is_an_error(indexer: Indexer, client: LogIndexerClient, answer: Any) -> None:
    """A wrong guess about the numbers would be worse than none."""
    indexer.answer = answer
    with pytest.raises(OpenPlatformError):
        await client.stats(from_ms=1000, to_ms=2000)
    with pytest.raises(OpenPlatformError):
        await client.lag()


@pytest.mark.parametrize("status", [400, 401, 500, 503])
async def test_a_refusal_or_a_fault_is_an_error(indexer: Indexer, client: LogIndexerClient, status: int) -> None:
    """Wrong key, Elasticsearch down, bug: the monitor learns nothing and says so."""
    indexer.status, indexer.answer = status, {"sub_code": "isv.unauthorised", "sub_msg": "no"}
    with pytest.raises(OpenPlatformError):
        await client.stats(from_ms=1000, to_ms=2000)
