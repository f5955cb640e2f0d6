"""Asks the log indexer, through the service client: searches by app name or key, and statistics."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from admin_api.analytics.repository import app_keys_named, names_of_apps
from admin_api.security.problems import Problem
from openplatform.errors import UpstreamFailed
from openplatform.records import ApiStats, LogPage, LogQuery
from openplatform.service_client import ServiceClient
from openplatform.sql import Database

R = TypeVar("R")

INDEXER = "log-indexer"
DEADLINE_S = 6.0
"""The indexer gives a search 5 s and answers what it has; one more for the way."""
_NOTHING = LogPage(hits=(), total=0, total_is_capped=False, cursor=None)


class Analytics:
    """Call logs and statistics. Raises a 503 Problem `search-unavailable` while the indexer cannot be asked."""

    def __init__(self, database: Database, client: ServiceClient) -> None:
        self._database = database
        self._client = client

    async def search(self, query: LogQuery, *, app_name: str | None = None) -> tuple[LogPage, dict[str, str]]:
        """One page, and the names of the apps on it by key. app_name: only calls of apps with this in their name."""
        app_keys: Sequence[str] = query.app_keys
        if app_name is not None:
            async with self._database.read() as connection:
                named = await app_keys_named(connection, app_name)
            app_keys = [key for key in named if key in app_keys] if app_keys else named
            if not app_keys:
                return _NOTHING, {}
        page = await self._ask("/logs", _conditions(query, app_keys), LogPage)
        async with self._database.read() as connection:
            return page, await names_of_apps(connection, (hit.log.appkey for hit in page.hits))

    async def stats(self, *, from_ms: int, to_ms: int, api_name: str | None) -> Sequence[ApiStats]:
        """Statistics by API over [from_ms, to_ms), most called first."""
        params: list[tuple[str, str | int]] = [("from_ms", from_ms), ("to_ms", to_ms)]
        if api_name is not None:
            params.append(("api_name", api_name))
        return (await self._ask("/stats", params, dict[str, list[ApiStats]])).get("stats", [])

    async def _ask(self, path: str, params: Sequence[tuple[str, str | int]], shape: type[R]) -> R:
        try:
            answer: dict[str, Any] = await self._client.get(INDEXER, path, params=params, deadline_s=DEADLINE_S)
            return msgspec.convert(answer, shape)
        except (UpstreamFailed, msgspec.ValidationError) as error:
            raise Problem(
                503,
                "search-unavailable",
                f"call logs cannot be searched now: {getattr(error, 'sub_msg', error)}",
                "日志搜索暂时不可用",
                headers={"Retry-After": "5"},
            ) from error


def _conditions(query: LogQuery, app_keys: Sequence[str]) -> list[tuple[str, str | int]]:
    given: list[tuple[str, str | int | None]] = [
        ("from_ms", query.from_ms),
        ("to_ms", query.to_ms),
        *(("app_key", key) for key in app_keys),
        ("api_name", query.api_name),
        ("vender_id", query.vender_id),
        ("error", query.error),
        ("remote_ip", query.remote_ip),
        ("request_id", query.request_id),
        ("min_ms", query.min_ms),
        ("max_ms", query.max_ms),
        ("q", " ".join(query.keywords) or None),
        ("size", query.size),
        ("cursor", query.cursor),
    ]
    return [(name, value) for name, value in given if value is not None]
