"""The monitor's question to log_indexer: how did the APIs do, and how far behind is the index?"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from openplatform.errors import REMOTE_PARSE_ERROR
from openplatform.records import ApiStats, CallLog, LogPage, Record
from openplatform.service_client import ServiceClient

INDEXER = "log-indexer"
DEADLINE_S = 10.0
"""A look back of an hour over a busy index takes a second; the next minute must not be late for this one."""
MAX_CALLS = 100
T = TypeVar("T")


class PipelineLag(Record, frozen=True, kw_only=True):
    """How far the index is behind: age of the oldest record not yet indexed, s (0 = nothing waits); batches waiting."""

    lag_s: float
    depth: int = 0


class LogIndexerClient:
    """Raises OpenPlatformError when log_indexer or its store cannot be asked or understood: the monitor is blind then."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def stats(self, *, from_ms: int, to_ms: int) -> Sequence[ApiStats]:
        """Statistics by API over the calls received in [from_ms, to_ms)."""
        params = {"from_ms": from_ms, "to_ms": to_ms}
        answer = await self._client.get(INDEXER, "/stats", params=params, deadline_s=DEADLINE_S)
        return _understood(answer.get("stats"), list[ApiStats])

    async def calls(
        self, *, api_name: str, from_ms: int, to_ms: int, min_ms: int | None, only_errors: bool
    ) -> Sequence[CallLog]:
        """The newest 100 calls of one API that took at least min_ms, or that failed."""
        params: dict[str, str | int] = {"api_name": api_name, "from_ms": from_ms, "to_ms": to_ms, "size": MAX_CALLS}
        if min_ms is not None:
            params["min_ms"] = min_ms
        if only_errors:
            params["error"] = "any"
        page = _understood(await self._client.get(INDEXER, "/logs", params=params, deadline_s=DEADLINE_S), LogPage)
        return [hit.log for hit in page.hits]

    async def lag(self) -> PipelineLag:
        return _understood(await self._client.get(INDEXER, "/lag", deadline_s=DEADLINE_S), PipelineLag)


def _understood(answer: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise REMOTE_PARSE_ERROR(f"{INDEXER} answered something else: {error}") from error
