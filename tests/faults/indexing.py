"""What the rows of the log path's second half run on: records into the broker at a steady rate, indexers as in production, a real
Elasticsearch behind a proxy, and the join of what was confirmed with what is stored."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from openplatform.adapters.backends import open_log_publisher
from openplatform.errors import PlatformUnavailable
from openplatform.ports import CallLogPublisher
from openplatform.sql import upgrade
from tests.faults.store_proxy import StoreProxy, proxy_before_store
from tests.faults.times import RATE, Times, times
from tests.gateway_world import INTERNAL_KEY
from tests.processes import Running, serve
from tests.servers import free_port
from tests.servers.elasticsearch import delete_everything
from tests.unit.log_indexer.parts import call_log, lines
from tests.waiting import until

EVERY_S = 0.2
_numbers = itertools.count(1)


@dataclass
class Sent:
    """Records of one row: ids that the broker has confirmed, with the moment of each; those meant for the dead letters are not
    among them."""

    name: str
    confirmed: dict[str, float] = field(default_factory=dict)

    def record(self, received_ms: int | None = None, **fields: Any) -> dict[str, Any]:
        """The next one."""
        received_ms = int(time.time() * 1000) if received_ms is None else received_ms
        return call_log(f"{self.name}-{next(_numbers):07}", receiveTime=received_ms, **fields)


@dataclass
class IndexingWorld:
    """No indexer runs by itself: rows start theirs."""

    times: Times
    rabbitmq_url: str
    redis_url: str
    folder: Path
    proxy: StoreProxy
    publisher: CallLogPublisher
    http: httpx.AsyncClient

    def indexer(self, **environ: str) -> AbstractAsyncContextManager[Running]:
        """A process that is ready."""
        settings = {
            "PAILOU_RABBITMQ_URL": self.rabbitmq_url,
            "PAILOU_ELASTICSEARCH_URL": self.proxy.url,
            "PAILOU_REDIS_URL": self.redis_url,
            "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
            "PAILOU_DRAIN_S": "0",
            **environ,
        }
        return serve("indexer", free_port(), settings, self.folder)

    @asynccontextmanager
    async def monitor(self, indexer: Running, *, every_s: int) -> AsyncIterator[Running]:
        """A process that judges what this indexer says; its mails go to `mails` in the folder."""
        database_url = f"sqlite+aiosqlite:///{self.folder}/monitor.db"
        await asyncio.to_thread(upgrade, database_url, "monitor")
        settings = {
            "PAILOU_MONITOR_DATABASE_URL": database_url,
            "PAILOU_REDIS_URL": self.redis_url,
            "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
            "PAILOU_MAILER_URL": f"outbox://{self.mails}",
            "PAILOU_MAIL_FROM": "alerts@pailou.example",
            "PAILOU_ALERT_RECIPIENTS": "ops@pailou.example",
            "PAILOU_MONITOR_EVERY_S": str(every_s),
            "PAILOU_INDEXER_ADDRESSES": f"127.0.0.1:{indexer.port}",
        }
        async with serve("monitor", free_port(), settings, self.folder) as monitor:
            yield monitor

    @property
    def mails(self) -> Path:
        """Where alert mails arrive."""
        return self.folder / "mails"

    async def publish(self, sent: Sent, records: Sequence[dict[str, Any]]) -> None:
        """One batch, again until it is confirmed."""
        while True:
            try:
                await self.publisher.publish(lines(*records), node="gw-1")
            except PlatformUnavailable:
                await asyncio.sleep(0.1)
                continue
            sent.confirmed.update(dict.fromkeys((str(record["requestId"]) for record in records), time.time()))
            return

    @asynccontextmanager
    async def stream(self, sent: Sent) -> AsyncIterator[None]:
        """200 records a second while the block runs, as a gateway flushes them; what is under way at its end is confirmed."""
        stopping = asyncio.Event()

        async def send() -> None:
            began = time.monotonic()
            for turn in itertools.count(1):
                await asyncio.sleep(max(0.0, began + turn * EVERY_S - time.monotonic()))
                if stopping.is_set():
                    return
                await self.publish(sent, [sent.record() for _ in range(round(RATE * EVERY_S))])

        sending = asyncio.create_task(send(), name="stream of records")
        try:
            yield
        finally:
            stopping.set()
            await sending

    async def stored(self, sent: Sent) -> Counter[str]:
        """How many documents each id of the row has, over all indices."""
        await self.http.post("/gateway-log-*/_refresh")
        found: Counter[str] = Counter()
        after: list[Any] | None = None
        while True:
            body: dict[str, Any] = {
                "query": {"prefix": {"requestId": f"{sent.name}-"}}, "size": 10_000, "_source": False,
                "sort": [{"requestId": "asc"}, {"receiveTime": "asc"}],
            }  # fmt: skip
            if after is not None:
                body["search_after"] = after
            answer = await self.http.post("/gateway-log-*/_search", json=body)
            if answer.status_code == 503:  # an index that is being made has no shard yet
                return found
            hits = answer.json()["hits"]["hits"]
            if not hits:
                return found
            found.update(hit["_id"] for hit in hits)
            after = hits[-1]["sort"]

    async def settle(self, sent: Sent) -> dict[str, int]:
        """Waits until everything confirmed is stored; figures of the ledger, which must be 0."""

        async def all_there() -> bool:
            return sent.confirmed.keys() <= (await self.stored(sent)).keys()

        with suppress(TimeoutError):
            await until(all_there)
        found = await self.stored(sent)
        lost = sent.confirmed.keys() - found.keys()
        doubled = [one for one, count in found.items() if count > 1]
        strange = found.keys() - sent.confirmed.keys()
        assert (lost, doubled, strange) == (set(), [], set()), (len(lost), len(doubled), len(strange))
        return {"records": len(found), "lost": 0, "doubled": 0}

    async def ask(self, indexer: Running, method: str, path: str, **options: Any) -> httpx.Response:
        """The indexer's internal API."""
        headers = {"X-Internal-Key": INTERNAL_KEY}
        return await self.http.request(method, indexer.url + path, headers=headers, **options)

    async def metric(self, of: Running, name: str, **labels: str) -> float:
        """One figure of /metrics, summed over what else it is labelled with; 0 when it is not there."""
        text = (await self.http.get(f"{of.url}/metrics")).text
        samples = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(value) for labelled, value in samples if all(want in labelled for want in wanted))


@asynccontextmanager
async def open_indexing_world(
    rabbitmq_url: str, elasticsearch_url: str, redis_url: str, folder: Path
) -> AsyncIterator[IndexingWorld]:
    """An empty store, an empty queue."""
    delete_everything(elasticsearch_url)
    async with (
        proxy_before_store(elasticsearch_url) as proxy,
        open_log_publisher(rabbitmq_url, None) as publisher,
        httpx.AsyncClient(base_url=elasticsearch_url, trust_env=False, timeout=30) as http,
    ):
        yield IndexingWorld(times(), rabbitmq_url, redis_url, folder, proxy, publisher, http)
