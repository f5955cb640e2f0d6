"""GET /logs, /logs/histogram, /logs/export, /stats and /lag: what admin_api and monitor ask the indexer."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from log_indexer.conditions import histogram_conditions, log_conditions, log_query, stats_query
from log_indexer.export import MEDIA_TYPE, TOTAL_HEADER, exported
from log_indexer.intervals import filled
from log_indexer.progress import Progress
from openplatform.errors import PlatformUnavailable, StoreRejected
from openplatform.ports import CallLogStore, Clock
from openplatform.web import invalid

_LAG_WITHIN_S = 0.5
"""How long a page waits for the broker to say what is not indexed yet: it is a remark beside the page."""


class IndexerEndpoints:
    """JSON: a LogPage, a Histogram without gaps, a StatsTable, a Lag; the export is NDJSON, its number of lines in X-Total-Count.

    400 names the wrong parameter, 503 = a store is down.
    """

    def __init__(self, store: CallLogStore, progress: Progress, clock: Clock) -> None:
        self._store = store
        self._progress = progress
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route("/logs", self.logs),
            Route("/logs/histogram", self.histogram),
            Route("/logs/export", self.export),
            Route("/stats", self.stats),
            Route("/lag", self.lag),
        ]

    async def logs(self, request: Request) -> Response:
        query = log_query(request.query_params)
        try:
            page, indexed_to_ms = await asyncio.gather(self._store.search(query), self._indexed_to_ms())
        except StoreRejected as error:
            # Everything else was checked before: what is left to refuse is a cursor that was made by nobody of us.
            raise invalid("cursor" if query.cursor else "q", f"was refused by the log store: {error}") from error
        return _json(msgspec.structs.replace(page, indexed_to_ms=indexed_to_ms))

    async def histogram(self, request: Request) -> Response:
        asked, interval_ms, offset_ms = histogram_conditions(request.query_params)
        found = await self._store.histogram(asked, interval_ms=interval_ms, offset_ms=offset_ms)
        return _json(filled(found, from_ms=asked.from_ms, to_ms=asked.to_ms, offset_ms=offset_ms))

    async def export(self, request: Request) -> Response:
        asked = log_conditions(request.query_params)
        total = await self._store.count(asked)
        headers = {TOTAL_HEADER: str(total)}
        if request.method == "HEAD":
            return Response(headers=headers, media_type=MEDIA_TYPE)
        return StreamingResponse(exported(self._store, asked), headers=headers, media_type=MEDIA_TYPE)

    async def stats(self, request: Request) -> Response:
        return _json(await self._store.stats(stats_query(request.query_params)))

    async def lag(self, request: Request) -> Response:
        return _json(await self._progress.lag())

    async def _indexed_to_ms(self) -> int | None:
        try:
            async with asyncio.timeout(_LAG_WITHIN_S):
                lag = await self._progress.lag()
        except (PlatformUnavailable, TimeoutError):
            return None
        return int((self._clock.now() - lag.lag_s) * 1000)


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
