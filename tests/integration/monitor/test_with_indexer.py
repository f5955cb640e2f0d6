"""monitor and log_indexer understand each other: call logs in the store become an alert with the right figures."""

from pathlib import Path

import httpx

from log_indexer import app as indexer_app
from log_indexer.settings import IndexerSettings
from monitor.clients import INDEXER, LogIndexerClient
from openplatform.adapters.embedded import Embedded
from openplatform.records import CallLog
from openplatform.service_client import ServiceClient
from openplatform.sql import Database
from tests.integration.monitor.world import SETTINGS, START, EverybodyHolds, TurnedClock, kinds, outbox, watch


def call(number: int, took_ms: int, at_ms: int, *, api_name: str = "open.order.get", error: str = "0") -> CallLog:
    return CallLog(
        requestId=f"{api_name}-{number}",
        appkey="a",
        servIP="127.0.0.1",
        venderId=1,
        remoteIp="127.0.0.1",
        apiName=api_name,
        platformRepTime=took_ms,
        requestContent="{}",
        errorCode=error,
        receiveTime=at_ms,
    )


async def test_slow_calls_in_the_log_store_raise_one_alert(database: Database, tmp_path: Path) -> None:
    """Three slow calls in the window, and quick ones just before and after it, which do not count."""
    to_ms = START * 60_000
    slow = [
        call(1, 1000, to_ms - 300_000),
        call(2, 2000, to_ms - 150_000, error="15:isp.top-remote-connection-timeout"),
        call(3, 3945, to_ms - 1),
    ]
    outside = [call(4, 1, to_ms - 300_001), call(5, 1, to_ms)]
    quick = [call(n, 20, to_ms - n, api_name="open.stock.get") for n in range(1, 50)]
    told = IndexerSettings(
        rabbitmq_url="memory://",
        elasticsearch_url=f"sqlite:///{tmp_path}/logs.db",
        redis_url="memory://",
        internal_keys=SETTINGS.internal_keys,
    )
    async with indexer_app.open_resources(told, Embedded()) as indexer:
        await indexer.store.prepare()
        await indexer.store.add([*slow, *outside, *quick])
        transport = httpx.ASGITransport(indexer_app.create_app(indexer, told))
        async with httpx.AsyncClient(transport=transport) as http:
            pinned = {INDEXER: ("127.0.0.1:8011",)}
            client = ServiceClient(http, indexer.directory, internal_key=SETTINGS.internal_keys[0], pinned=pinned)
            monitor = watch(database, EverybodyHolds(), LogIndexerClient(client), TurnedClock())
            assert await monitor.tick() == "evaluated"
    assert await kinds(database) == [("opened", 0)]
    mail = (await outbox(database))[0]
    assert mail.subject == "[报警][严重] 1 个API 5分钟平均响应超 1000ms (最高 open.order.get 2315ms)"
    assert "open.order.get-3 | open.order.get | a | 1 | 3945 | 0" in mail.body_text
    assert "open.order.get-1 |" not in mail.body_text  # at the limit is not over it
    assert "主要应用：a (2)" in mail.body_text
    assert " | 3 | 33.3% | 1000 | ×2315 | 新" in mail.body_text
