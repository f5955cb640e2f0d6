"""Moves a day's call logs into an index with the template of today, while search and indexing go on.

The day's name becomes an alias of the new index, so that records are written under the same name as before, and an id stays
unique. Needs neither the server's reindex module nor scripts.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from elasticsearch import AsyncElasticsearch

from openplatform.adapters.elasticsearch_bulk import read_verdicts
from openplatform.adapters.elasticsearch_client import elasticsearch_errors, open_elasticsearch_client
from openplatform.errors import PlatformUnavailable, StoreRejected
from openplatform.records import Record

PAGE = 2_000
"""A megabyte: no cheaper when larger, and so much is repeated after an interruption."""
_KEEP_ALIVE = "2m"
_SKEW_MS = 60_000
"""Indexers' clocks may differ by so much: what they wrote since the copy began is looked at once more."""
_TRIES, _PAUSE_S = 8, 0.5


class Day(Record, frozen=True, kw_only=True):
    """One day's index. name: what records are written to, an alias after an earlier move; index: what that is; differs: fields whose
    mapping is another than the template's."""

    name: str
    index: str
    documents: int
    differs: tuple[str, ...]


class Checkpoint(Record, frozen=True, kw_only=True):
    """How far a move is: enough to go on after an interruption. after: the last record copied, as the search's sort gives it."""

    day: str
    source: str
    target: str
    began_ms: int
    after: tuple[int, str] | None = None
    copied: int = 0


class Reindexing:
    """index_prefix: as the store's. Raises PlatformUnavailable and StoreRejected."""

    def __init__(self, client: AsyncElasticsearch, *, index_prefix: str = "gateway-log") -> None:
        self._client = client
        self._prefix = index_prefix
        self._of_a_day = re.compile(re.escape(index_prefix) + r"-\d{4}\.\d\d\.\d\d(-r(\d+))?")

    async def days(self) -> list[Day]:
        """All days that can be searched, oldest first."""
        with elasticsearch_errors():
            template = (await self._client.indices.get_index_template(name=self._prefix)).body["index_templates"][0]
            mappings = (await self._client.indices.get_mapping(index=self._prefix, ignore_unavailable=True)).body
            wanted = template["index_template"]["template"]["mappings"]["properties"]
            found = []
            for index in sorted(mappings):
                if (of := self._of_a_day.fullmatch(index)) is not None:
                    count = (await self._client.count(index=index)).body["count"]
                    has = mappings[index]["mappings"].get("properties", {})
                    differs = sorted(name for name in wanted if _plain(wanted[name]) != _plain(has.get(name, {})))
                    name = index.removesuffix(of[1] or "")
                    found.append(Day(name=name, index=index, documents=count, differs=tuple(differs)))
        return found

    async def begin(self, day: Day) -> Checkpoint:
        """An empty index for the day that no search sees yet; one that an abandoned move has left is deleted first."""
        of = self._of_a_day.fullmatch(day.index)
        target = f"{day.name}-r{int((of and of[2]) or 0) + 1}"
        with elasticsearch_errors():
            await self._client.indices.delete(index=target, ignore_unavailable=True)
            await self._client.indices.create(index=target)
            await self._client.indices.delete_alias(index=target, name=self._prefix)
        return Checkpoint(day=day.name, source=day.index, target=target, began_ms=int(time.time() * 1000) - _SKEW_MS)

    async def copy(self, point: Checkpoint) -> AsyncGenerator[Checkpoint, None]:
        """Copies what is missing, and says after each page how far it is. Raises StoreRejected when a record does not fit."""
        async with aclosing(self._copy({"match_all": {}}, point)) as steps:
            async for step in steps:
                yield step

    async def finish(self, point: Checkpoint) -> int:
        """Copies what came meanwhile, with writing to the old index held up, and puts the new one in its place; its documents.

        Raises StoreRejected, and leaves the old index in its place, when the new one does not hold as many.
        """
        with elasticsearch_errors():
            await self._client.indices.put_settings(index=point.source, settings={"index.blocks.write": True})
        try:
            late = {"range": {"createTime": {"gte": point.began_ms, "format": "epoch_millis"}}}
            async for _ in self._copy(late, Checkpoint(**{**_fields(point), "after": None})):
                pass
            with elasticsearch_errors():
                await self._client.indices.refresh(index=[point.source, point.target])
                old, new = [
                    (await self._client.count(index=index)).body["count"] for index in (point.source, point.target)
                ]
                if old != new:
                    raise StoreRejected(
                        f"{point.target} has {new} documents, {point.source} {old}: nothing was replaced"
                    )
                await self._client.indices.update_aliases(
                    actions=[
                        {"remove_index": {"index": point.source}},
                        {"add": {"index": point.target, "aliases": [point.day, self._prefix]}},
                    ]
                )
        except BaseException:
            with elasticsearch_errors():
                await self._client.indices.put_settings(index=point.source, settings={"index.blocks.write": None})
            raise
        return int(new)

    async def _copy(self, query: dict[str, Any], point: Checkpoint) -> AsyncGenerator[Checkpoint, None]:
        with elasticsearch_errors():
            await self._client.indices.refresh(index=point.source)
            snapshot = (await self._client.open_point_in_time(index=point.source, keep_alive=_KEEP_ALIVE)).body["id"]
        try:
            while True:
                hits = await self._page(query, snapshot, point.after)
                if not hits:
                    return
                await self._write(point.target, hits)
                received_ms, request_id = hits[-1]["sort"][:2]
                point = Checkpoint(
                    **{**_fields(point), "after": (received_ms, request_id), "copied": point.copied + len(hits)}
                )
                yield point
        finally:
            with elasticsearch_errors():
                await self._client.close_point_in_time(id=snapshot)

    async def _page(self, query: dict[str, Any], snapshot: str, after: tuple[int, str] | None) -> list[dict[str, Any]]:
        with elasticsearch_errors():
            answer = await self._client.search(
                query=query,
                pit={"id": snapshot, "keep_alive": _KEEP_ALIVE},
                sort=[{"receiveTime": "asc"}, {"requestId": "asc"}],
                size=PAGE,
                track_total_hits=False,
                allow_partial_search_results=False,
                search_after=None if after is None else list(after),
            )
        hits: list[dict[str, Any]] = answer.body["hits"]["hits"]
        return hits

    async def _write(self, target: str, hits: list[dict[str, Any]]) -> None:
        """Stores them under their ids; what is there already stays. Busy stores are waited for."""
        for attempt in range(_TRIES):
            lines = [
                b'{"create":{"_id":%b}}\n%b\n' % (orjson.dumps(hit["_id"]), orjson.dumps(hit["_source"]))
                for hit in hits
            ]
            try:
                with elasticsearch_errors():
                    answer = await self._client.options(request_timeout=60).perform_request(
                        "POST",
                        f"/{target}/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason",
                        headers={"accept": "application/json", "content-type": "application/x-ndjson"},
                        body=b"".join(lines),
                    )
            except PlatformUnavailable:
                if attempt == _TRIES - 1:
                    raise
            else:
                verdicts = read_verdicts(answer.body, len(hits))
                for hit, verdict in zip(hits, verdicts, strict=True):
                    if verdict.outcome == "refused":
                        raise StoreRejected(f"{hit['_id']} does not fit the template: {verdict.reason}")
                hits = [hit for hit, verdict in zip(hits, verdicts, strict=True) if verdict.outcome == "retry"]
                if not hits:
                    return
            await asyncio.sleep(_PAUSE_S * 2**attempt)
        raise StoreRejected(f"{len(hits)} records of a page could not be stored: the store stays busy")


@asynccontextmanager
async def open_reindexing(url: str, *, index_prefix: str = "gateway-log") -> AsyncIterator[Reindexing]:
    """url: as the store's."""
    async with open_elasticsearch_client(url) as client:
        yield Reindexing(client, index_prefix=index_prefix)


def _fields(point: Checkpoint) -> dict[str, Any]:
    return {name: getattr(point, name) for name in point.__struct_fields__}


def _plain(mapping: dict[str, Any]) -> dict[str, Any]:
    """A server does not say what is its default anyway."""
    return {name: value for name, value in mapping.items() if (name, value) != ("analyzer", "standard")}
