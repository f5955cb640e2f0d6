"""Asks the log indexer, through the service client: searches by app name or key, histograms, statistics, exports."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from admin_api.analytics.repository import MOST_APPS, app_keys_named, names_of_apps
from admin_api.analytics.service.conditions import MAX_RANGE_MS, LogConditions, LogSearch, Param, StatsSearch, offset_ms
from admin_api.security.problems import FieldProblem, Problem
from openplatform.errors import ServiceRejected, UpstreamFailed
from openplatform.records import CallLog, CallStats, Histogram, LogHit, LogPage, StatsTable
from openplatform.service_client import ServiceClient
from openplatform.sql import Database, DatabaseAway

R = TypeVar("R")

INDEXER = "log-indexer"
DEADLINE_S = 14.0
"""The indexer gives a search 5 s and answers what it has; of two instances, the first one asked gets half of this."""
NEIGHBOURS_MS = 60_000
_AHEAD_MS = 60_000
"""Clocks of gateways may be ahead of ours by some seconds."""
_NEIGHBOURS = 25
"""Calls shown before and after one; an app with hundreds a minute has its nearest."""
_NOTHING = LogPage(hits=(), total=0, total_is_capped=False, cursor=None)

_ZH = {
    "q": "关键词不合法：最多20个词；不支持通配符；每个词至少含一个文字、字母或数字",
    "cursor": "翻页位置无效，请重新搜索",
    "remote_ip": "IP 地址或网段不合法",
    "to_ms": "时间范围不合法：结束须晚于开始，且不超过31天",
}


class Analytics:
    """Call logs and statistics. Raises a 503 Problem `search-unavailable` while the indexer cannot be asked, a 422 one for
    conditions that it refuses."""

    def __init__(self, database: Database, client: ServiceClient, zone: ZoneInfo) -> None:
        self._database = database
        self._client = client
        self._zone = zone

    async def search(self, asked: LogSearch) -> LogPage:
        """One page."""
        apps = await self._apps(asked)
        if apps is None:
            return _NOTHING
        return await self._ask("/logs", [*asked.params(), *asked.page_params(), *apps], LogPage)

    async def histogram(self, asked: LogConditions) -> Histogram:
        """Calls and errors over time, at most 60 intervals, days as the platform's zone has them."""
        apps = await self._apps(asked)
        if apps is None:
            return Histogram(interval_ms=asked.to_ms - asked.from_ms, buckets=())
        return await self._ask("/logs/histogram", [*asked.params(), *apps, self._offset(asked)], Histogram)

    async def stats(self, asked: StatsSearch) -> StatsTable:
        """At most 1,000 rows in the order asked for."""
        apps = await self._apps(asked)
        if apps is None:
            return StatsTable(stats=())
        params = [*asked.params(), *apps, self._offset(asked), ("by", asked.by)]
        table = await self._ask("/stats", params, StatsTable)
        return table if asked.by == "time" else msgspec.structs.replace(table, stats=_sorted(table.stats, asked.sort))

    async def find_recent(self, request_id: str, *, now: float) -> LogHit:
        """The record with this id, of the last 31 days. Raises a 404 Problem."""
        to_ms = int(now * 1000) + _AHEAD_MS
        params: list[Param] = [
            ("from_ms", to_ms - MAX_RANGE_MS),
            ("to_ms", to_ms),
            ("request_id", request_id),
            ("size", 1),
        ]
        hits = (await self._ask("/logs", params, LogPage)).hits
        if not hits:
            raise Problem(404, "not-found", "no call of the last 31 days has this request id", "最近31天内没有该请求")
        return hits[0]

    async def neighbours(self, log: CallLog) -> list[CallLog]:
        """The nearest calls of the same app within a minute before and after, newest first, the call itself among them."""
        of_app: list[Param] = [("app_key", log.appkey), ("size", _NEIGHBOURS + 1)]
        from_ms, to_ms = max(0, log.receiveTime - NEIGHBOURS_MS), log.receiveTime + NEIGHBOURS_MS + 1
        before: list[Param] = [("from_ms", from_ms), ("to_ms", log.receiveTime + 1), ("sort", "-time")]
        after: list[Param] = [("from_ms", log.receiveTime), ("to_ms", to_ms), ("sort", "time")]
        pages = [await self._ask("/logs", [*of_app, *side], LogPage) for side in (before, after)]
        found = {hit.log.requestId: hit.log for page in pages for hit in page.hits} | {log.requestId: log}
        return sorted(found.values(), key=lambda each: (each.receiveTime, each.requestId), reverse=True)

    @asynccontextmanager
    async def export(self, asked: LogConditions) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """How many records there are, and all of them as lines of JSON, newest first; leaving stops the export.

        A stream that breaks off raises UpstreamFailed: what came is not all.
        """
        apps = await self._apps(asked)
        if apps is None:
            yield 0, _no_chunks()
            return
        async with AsyncExitStack() as stack:
            try:
                stream = self._client.stream(INDEXER, "/logs/export", params=[*asked.params(), *apps])
                headers, chunks = await stack.enter_async_context(stream)
            except (UpstreamFailed, ServiceRejected) as error:
                raise _problem(error) from error
            yield int(headers["x-total-count"]), chunks

    async def app_names(self, app_keys: Sequence[str]) -> dict[str, str]:
        """Names by key, of the apps that exist. Raises DatabaseAway."""
        if not app_keys:
            return {}
        async with self._database.read() as connection:
            return await names_of_apps(connection, app_keys)

    async def app_names_if_known(self, app_keys: Sequence[str]) -> dict[str, str]:
        """The same to look at: none while the database does not answer, since calls are found without it."""
        try:
            return await self.app_names(app_keys)
        except DatabaseAway:
            return {}

    async def _apps(self, asked: LogConditions) -> list[Param] | None:
        """The app_keys that are meant; None when no app is, which is no call either."""
        app_keys: Sequence[str] = asked.app_key
        if asked.app is not None:
            async with self._database.read() as connection:
                named = await app_keys_named(connection, asked.app)
            if len(named) > MOST_APPS:
                raise _refused(
                    "app", f"more than {MOST_APPS} apps have this in their name", "匹配的应用过多，请写得更具体"
                )
            app_keys = [key for key in named if key in app_keys] if app_keys else named
            if not app_keys:
                return None
        return [("app_key", key) for key in app_keys]

    def _offset(self, asked: LogConditions) -> Param:
        return "offset_ms", offset_ms(self._zone, asked.from_)

    async def _ask(self, path: str, params: Sequence[Param], shape: type[R]) -> R:
        try:
            answer: Mapping[str, Any] = await self._client.get(INDEXER, path, params=params, deadline_s=DEADLINE_S)
            return msgspec.convert(answer, shape)
        except (UpstreamFailed, ServiceRejected, msgspec.ValidationError) as error:
            raise _problem(error) from error


def _problem(error: Exception) -> Problem:
    """A refusal that names a parameter is the operator's; anything else means that there is no search now."""
    if isinstance(error, ServiceRejected) and error.sub_code.startswith("isv.invalid-parameter:"):
        name = error.sub_code.partition(":")[2]
        return _refused(name, error.sub_msg.removeprefix(f"{name} "), _ZH.get(name, f"{name} 不合法"))
    return Problem(
        503,
        "search-unavailable",
        f"call logs cannot be searched now: {getattr(error, 'sub_msg', error)}",
        "日志搜索暂时不可用",
        headers={"Retry-After": "5"},
    )


def _refused(name: str, message: str, zh: str) -> Problem:
    field = FieldProblem(place="query", field=name, code="value_error", message=message)
    return Problem(422, "invalid", f"{name} {message}", zh, errors=[field])


def _sorted(rows: Sequence[CallStats], sort: str) -> tuple[CallStats, ...]:
    name = sort.removeprefix("-")

    def value(row: CallStats) -> tuple[bool, float | str, str]:
        of = row.errors / row.calls if name == "error_rate" else getattr(row, name)
        return of is not None, of or (0 if name != "key" else ""), row.key

    return tuple(sorted(rows, key=value, reverse=sort.startswith("-")))


async def _no_chunks() -> AsyncIterator[bytes]:
    for nothing in list[bytes]():
        yield nothing
