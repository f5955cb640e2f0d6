"""GET /logs, /stats and /lag: what admin_api and monitor ask the indexer."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from log_indexer.conditions import log_query, stats_range
from log_indexer.progress import Progress
from openplatform.errors import StoreRejected
from openplatform.ports import CallLogStore
from openplatform.web import invalid


class IndexerEndpoints:
    """Each answers JSON: a LogPage, {"stats": [ApiStats]}, a Lag. 400 names the wrong parameter, 503 = a store is down."""

    def __init__(self, store: CallLogStore, progress: Progress) -> None:
        self._store = store
        self._progress = progress

    def routes(self) -> list[Route]:
        return [Route("/logs", self.logs), Route("/stats", self.stats), Route("/lag", self.lag)]

    async def logs(self, request: Request) -> Response:
        query = log_query(request.query_params)
        try:
            page = await self._store.search(query)
        except StoreRejected as error:
            # Everything else was checked before: what is left to refuse is a cursor that was made by nobody of us.
            raise invalid("cursor" if query.cursor else "q", f"was refused by the log store: {error}") from error
        return _json(page)

    async def stats(self, request: Request) -> Response:
        from_ms, to_ms, api_name = stats_range(request.query_params)
        return _json({"stats": await self._store.stats(from_ms=from_ms, to_ms=to_ms, api_name=api_name)})

    async def lag(self, request: Request) -> Response:
        return _json(await self._progress.lag())


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
