"""The log store over Elasticsearch: daily indices behind one alias, written by the indexer, searched by the console."""

import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from importlib import resources
from typing import Any

import msgspec
import orjson
from elasticsearch import ApiError, AsyncElasticsearch

from openplatform.adapters.call_log_cursor import MAX_TOTAL, cursor_after
from openplatform.adapters.elasticsearch_bulk import bodies, bulk_lines, index_name, read_verdicts
from openplatform.adapters.elasticsearch_client import elasticsearch_errors, error_text, open_elasticsearch_client
from openplatform.adapters.elasticsearch_query import CONTENT, IK_ANALYZER, STANDARD_ANALYZER, matching, search_body
from openplatform.adapters.elasticsearch_stats import histogram_body, read_histogram, read_stats, stats_body
from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable, StoreRejected
from openplatform.records import (
    CallLog,
    Histogram,
    IndexVerdict,
    LogConditions,
    LogHit,
    LogPage,
    LogQuery,
    StatsQuery,
    StatsTable,
    StoreInUse,
)

log = logging.getLogger(__name__)

BULK_TIMEOUT_S = 30.0
"""4,000 records take 0.2 s; a node that collects garbage or waits for its disk takes seconds, and repeating it helps nobody."""
SEARCH_TIMEOUT_S = 5.0
"""Then a search answers what it has found; nobody waits longer for a page."""
_BULK_PATH = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
_BULK_HEADERS = {"accept": "application/json", "content-type": "application/x-ndjson"}
_TESTED_MAJORS = (8, 9)


class ElasticsearchCallLogStore:
    """Plays CallLogStore.

    index_prefix: name of the alias and of the template, and what daily indices begin with (`gateway-log-2025.01.31`);
    text_analyzer: None = the IK plugin's where the cluster has it, else `standard`; index_settings: added to the template's, for
    an analyser that new indices define themselves.
    """

    def __init__(
        self,
        client: AsyncElasticsearch,
        *,
        index_prefix: str = "gateway-log",
        text_analyzer: str | None = None,
        index_settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._bulk_client = client.options(request_timeout=BULK_TIMEOUT_S)
        # A node looks at its clock between blocks of documents only.
        self._search_client = client.options(request_timeout=SEARCH_TIMEOUT_S + 1)
        self._prefix = index_prefix
        # `-r1` and so on: an index that a day was moved into when the template had changed.
        self._daily = re.compile(re.escape(index_prefix) + r"-(\d{4})\.(\d\d)\.(\d\d)(?:-r\d+)?")
        self._wanted_analyzer = text_analyzer
        self._found_analyzer: str | None = None
        self._index_settings = index_settings or {}

    async def prepare(self) -> StoreInUse:
        version = await self._server_version()
        self._found_analyzer = None  # the plugin may have come since
        analyzer = await self._analyzer()
        template = index_template(int(version.partition(".")[0]), analyzer)
        template["template"]["settings"] |= self._index_settings
        with elasticsearch_errors():
            await self._client.indices.put_index_template(
                name=self._prefix,
                index_patterns=[f"{self._prefix}-*"],
                priority=template["priority"],
                template=template["template"] | {"aliases": {self._prefix: {}}},
            )
        finds = "ik-words" if analyzer == IK_ANALYZER else "characters"
        return StoreInUse(store=f"Elasticsearch {version}", analyzer=analyzer, finds=finds)

    async def add(self, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        verdicts: list[IndexVerdict | None] = [None] * len(records)
        positions: list[int] = []
        lines: list[bytes] = []
        for position, record in enumerate(records):
            line = bulk_lines(self._prefix, record)
            if isinstance(line, str):
                verdicts[position] = IndexVerdict(outcome="refused", reason=line)
            else:
                positions.append(position)
                lines.append(line)
        for position, verdict in zip(positions, await self._send(lines), strict=True):
            verdicts[position] = verdict
        await self._create_missing(
            {
                index_name(self._prefix, record.receiveTime)
                for record, verdict in zip(records, verdicts, strict=True)
                if verdict is not None and verdict.reason.startswith("index_not_found")
            }
        )
        return [verdict for verdict in verdicts if verdict is not None]

    async def search(self, query: LogQuery) -> LogPage:
        answer = await self._search(search_body(query, await self._analyzer_for(query)))
        hits = [_hit(found) for found in answer["hits"]["hits"]]
        page, more = hits[: query.size], len(hits) > query.size
        total = answer["hits"].get("total", {"value": 0})["value"]
        return LogPage(
            hits=tuple(page),
            total=min(total, MAX_TOTAL),
            total_is_capped=total > MAX_TOTAL,
            cursor=cursor_after(page[-1].log, query.sort) if more else None,
            is_partial=answer["timed_out"],
        )

    async def count(self, conditions: LogConditions) -> int:
        query = matching(conditions, await self._analyzer_for(conditions))
        answer = await self._search({"query": query, "size": 0, "track_total_hits": True}, allow_partial=False)
        return int(answer["hits"]["total"]["value"])

    async def histogram(self, conditions: LogConditions, *, interval_ms: int, offset_ms: int = 0) -> Histogram:
        analyzer = await self._analyzer_for(conditions)
        answer = await self._search(histogram_body(conditions, analyzer, interval_ms, offset_ms))
        return read_histogram(answer, interval_ms)

    async def stats(self, query: StatsQuery) -> StatsTable:
        body = stats_body(query, await self._analyzer_for(query))
        return read_stats(await self._search(body, allow_partial=False), query.by)

    async def drop_before(self, day: date) -> int:
        with elasticsearch_errors():
            indices = (await self._client.indices.get_alias(index=f"{self._prefix}-*")).body
            old = sorted(name for name in indices if (of := self._day_of(name)) is not None and of < day)
            for name in old:  # one request each: a name more would not fit into some proxy's URL limit
                await self._client.indices.delete(index=name, ignore_unavailable=True)
        return len(old)

    async def _send(self, lines: list[bytes]) -> list[IndexVerdict]:
        verdicts: list[IndexVerdict] = []
        for body in bodies(lines):
            try:
                verdicts += await self._bulk(body)
            except PlatformUnavailable as error:
                if not verdicts:
                    raise
                # What was stored is told as stored; only the rest is worth repeating.
                verdicts += [IndexVerdict(outcome="retry", reason=error.sub_msg)] * (len(lines) - len(verdicts))
                break
        return verdicts

    async def _bulk(self, lines: list[bytes]) -> list[IndexVerdict]:
        try:
            with elasticsearch_errors():
                try:
                    answer = await self._bulk_client.perform_request(
                        "POST", _BULK_PATH, headers=_BULK_HEADERS, body=b"".join(lines)
                    )
                except ApiError as error:
                    if error.meta.status == 413:
                        raise StoreRejected(f"too large: {error_text(error)}") from error
                    raise
        except StoreRejected as error:
            # The request as a whole is too large, or one item makes it unreadable: halves find out which.
            if len(lines) == 1:
                return [IndexVerdict(outcome="refused", reason=str(error))]
            middle = len(lines) // 2
            return [*await self._bulk(lines[:middle]), *await self._bulk(lines[middle:])]
        return read_verdicts(answer.body, len(lines))

    async def _create_missing(self, names: set[str]) -> None:
        """Where the cluster does not create indices by itself; somebody else may be quicker."""
        for name in names:
            try:
                with elasticsearch_errors():
                    await self._client.indices.create(index=name)
            except StoreRejected as error:
                log.info("index %s was not created: %s", name, error)

    async def _search(self, body: dict[str, Any], *, allow_partial: bool = True) -> dict[str, Any]:
        """The answer; one that time cut short only if that is allowed."""
        with elasticsearch_errors():
            response = await self._search_client.search(
                index=self._prefix,
                ignore_unavailable=True,
                timeout=f"{SEARCH_TIMEOUT_S * 1000:.0f}ms",
                allow_partial_search_results=allow_partial,
                **body,
            )
        answer = dict(response.body)
        # Incomplete answers would look like missing logs: a failed shard is an error.
        if answer["_shards"]["failed"]:
            raise PLATFORM_UNAVAILABLE(f"elasticsearch: {answer['_shards']['failed']} shards could not be searched")
        return answer

    async def _analyzer_for(self, conditions: LogConditions) -> str:
        return await self._analyzer() if conditions.keywords else STANDARD_ANALYZER

    async def _analyzer(self) -> str:
        if self._wanted_analyzer is not None:
            return self._wanted_analyzer
        if self._found_analyzer is None:
            try:
                with elasticsearch_errors():
                    await self._client.indices.analyze(analyzer=IK_ANALYZER, text="订单")
                self._found_analyzer = IK_ANALYZER
            except StoreRejected:
                self._found_analyzer = STANDARD_ANALYZER
        return self._found_analyzer

    async def _server_version(self) -> str:
        with elasticsearch_errors():
            answer = await self._client.nodes.info(filter_path="nodes.*.version")
        # During a rolling upgrade the oldest node decides what all of them understand.
        versions = [node["version"] for node in answer.body["nodes"].values()]
        return str(min(versions, key=lambda version: [int(part) for part in version.split(".")[:2]]))

    def _day_of(self, index: str) -> date | None:
        found = self._daily.fullmatch(index)
        try:
            return date(*(int(part) for part in found.groups())) if found else None
        except ValueError:
            return None


def index_template(server_major: int, analyzer: str) -> dict[str, Any]:
    """The template's data file for this server, with `analyzer` for the request's content: `priority` and `template`."""
    major = min(max(server_major, _TESTED_MAJORS[0]), _TESTED_MAJORS[-1])
    file = resources.files("es_mappings") / f"gateway-log.es{major}.json"
    template: dict[str, Any] = orjson.loads(file.read_bytes())
    template["template"]["mappings"]["properties"][CONTENT]["analyzer"] = analyzer
    return template


@asynccontextmanager
async def open_elasticsearch_store(
    url: str, *, index_prefix: str = "gateway-log"
) -> AsyncIterator[ElasticsearchCallLogStore]:
    """url: `http(s)://user:password@host:port`. Nothing is asked for yet."""
    async with open_elasticsearch_client(url) as client:
        yield ElasticsearchCallLogStore(client, index_prefix=index_prefix)


def _hit(found: dict[str, Any]) -> LogHit:
    fragments = found.get("highlight", {}).get(CONTENT)
    return LogHit(
        log=msgspec.convert(found["_source"], CallLog), highlight=" … ".join(fragments) if fragments else None
    )
