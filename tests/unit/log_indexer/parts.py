"""Small stand-ins for the indexer's ports: a delivery that notes what is done to it, a store with a script, a clock."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import date
from typing import Any

import msgspec

from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import (
    CallLog,
    Histogram,
    IndexVerdict,
    LogConditions,
    LogPage,
    LogQuery,
    StatsQuery,
    StatsTable,
    StoreInUse,
)

CREATED = IndexVerdict(outcome="created")


def call_log(request_id: str, **fields: Any) -> dict[str, Any]:
    """A record as the gateway writes it, before encoding."""
    return {
        "requestId": request_id, "appkey": "a", "servIP": "10.0.0.1", "venderId": 1, "remoteIp": "10.0.0.2",
        "apiName": "jd.order.get", "platformRepTime": 1, "requestContent": "", "errorCode": "0",
        "receiveTime": 1_750_000_000_000, "createTime": 0, "serviceTime": None, "httpMethod": "", "responseBytes": 0,
        "cached": False, "gatewayNode": "", "attempts": 0, "traceId": None, "truncated": False,
    } | fields  # fmt: skip


def lines(*records: dict[str, Any]) -> bytes:
    """An NDJSON batch."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


class Delivered:
    """A delivery; `lost` = its connection is gone; `refuses_dead` = the broker takes no dead letters."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.times_before = 0
        self.events: list[str] = []
        self.dead: list[tuple[bytes, str]] = []
        self.lost = self.refuses_dead = False
        self.settled = asyncio.Event()

    async def ack(self) -> None:
        self._note("ack")
        self.settled.set()

    async def requeue(self) -> None:
        self._note("requeue")
        self.settled.set()

    async def reject(self, reason: str) -> None:
        self._note("reject")
        self.settled.set()

    async def dead_letter(self, record: bytes, reason: str) -> None:
        if self.refuses_dead:
            raise PLATFORM_UNAVAILABLE("rabbitmq: an alarm")
        self._note("dead")
        self.dead.append((record, reason))

    def _note(self, event: str) -> None:
        if self.lost:
            raise PLATFORM_UNAVAILABLE("rabbitmq: gone")
        self.events.append(event)


class ScriptedQueue:
    """Hands out the deliveries it is given."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Delivered] = asyncio.Queue()
        self.closed = False
        self.down = False

    def put(self, *records: dict[str, Any]) -> Delivered:
        """One more delivery of these records."""
        delivery = Delivered(lines(*records))
        self.waiting.put_nowait(delivery)
        return delivery

    async def deliveries(self) -> AsyncGenerator[Delivered, None]:
        try:
            while True:
                yield await self.waiting.get()
        finally:
            self.closed = True

    async def depth(self) -> int:
        if self.down:
            raise PLATFORM_UNAVAILABLE("rabbitmq: gone")
        return self.waiting.qsize()


class ScriptedStore:
    """Judges each bulk by a function of (number of the attempt, records); keeps the bulks' ids."""

    def __init__(self, judge: Callable[[int, Sequence[CallLog]], Sequence[IndexVerdict]] | None = None) -> None:
        self._judge = judge or (lambda attempt, records: [CREATED] * len(records))
        self.bulks: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self.times: set[int] = set()
        self.prepared = 0
        self.dropped_before: list[date] = []

    async def prepare(self) -> StoreInUse:
        self.prepared += 1
        return StoreInUse(store="scripted", analyzer="none", finds="nothing")

    async def add(self, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        self.bulks.append([record.requestId for record in records])
        self.times |= {record.createTime for record in records}
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return self._judge(len(self.bulks), records)

    async def search(self, query: LogQuery) -> LogPage:
        raise NotImplementedError

    async def count(self, conditions: LogConditions) -> int:
        raise NotImplementedError

    async def histogram(self, conditions: LogConditions, *, interval_ms: int, offset_ms: int = 0) -> Histogram:
        raise NotImplementedError

    async def stats(self, query: StatsQuery) -> StatsTable:
        raise NotImplementedError

    async def drop_before(self, day: date) -> int:
        self.dropped_before.append(day)
        return 1


class HandClock:
    """Turned by hand."""

    def __init__(self, now_s: float = 1_750_000_100.0) -> None:
        self.now_s = now_s
        self.monotonic_s = 0.0

    def now(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.monotonic_s
