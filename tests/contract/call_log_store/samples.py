"""What the contract suite of the log store shares: a store under test, complete records, queries over their range."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from openplatform.ports import CallLogStore
from openplatform.records import CallLog, LogQuery

NOON_MS = 1_750_000_000_000  # 2025-06-15T15:06:40Z
DAY_MS = 86_400_000


@dataclass
class StoreUnderTest:
    """A store that nobody else uses; `settled` makes what was added visible to searches."""

    store: CallLogStore
    settled: Callable[[], Awaitable[object]]

    async def add(self, *records: CallLog) -> list[str]:
        """Adds records; the outcomes."""
        verdicts = await self.store.add(records)
        await self.settled()
        return [verdict.outcome for verdict in verdicts]

    async def ids(self, **conditions: Any) -> list[str]:
        """The request ids that a search of the whole range finds, newest first."""
        return [hit.log.requestId for hit in (await self.store.search(query(**conditions))).hits]

    async def highlight(self, *keywords: str) -> str:
        """The only hit's highlight."""
        (hit,) = (await self.store.search(query(keywords=keywords))).hits
        assert hit.highlight is not None
        return hit.highlight


def is_ik(request: pytest.FixtureRequest) -> bool:
    """Whether the test runs on the stand-in of the IK plugin's analyser."""
    return bool(request.node.callspec.params["tested"] == "elasticsearch-ik")


def record(request_id: str, **fields: Any) -> CallLog:
    """A complete record with defaults."""
    values: dict[str, Any] = {
        "requestId": request_id,
        "appkey": "app-1",
        "servIP": "10.0.0.1",
        "venderId": 100,
        "remoteIp": "203.0.113.9",
        "apiName": "jd.order.get",
        "platformRepTime": 20,
        "requestContent": "order_id=1 fields=sku",
        "errorCode": "0",
        "receiveTime": NOON_MS,
        "createTime": NOON_MS + 900,
        "serviceTime": 15,
        "httpMethod": "POST",
        "responseBytes": 512,
        "cached": False,
        "gatewayNode": "gw-1",
        "attempts": 1,
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "truncated": False,
    }
    return CallLog(**(values | fields))


def query(**conditions: Any) -> LogQuery:
    """A query over a week around noon."""
    return LogQuery(**({"from_ms": NOON_MS - 3 * DAY_MS, "to_ms": NOON_MS + 3 * DAY_MS} | conditions))
