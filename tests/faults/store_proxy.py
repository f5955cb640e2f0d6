"""An HTTP proxy before the real Elasticsearch: passes requests on, or does to bulks what a row says."""

import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tests.closing import stop_accepting
from tests.servers import free_port

Items = list[tuple[str, bytes]]
"""(id, its two lines of the bulk) in order."""
_DROPPED = ("transfer-encoding", "content-length", "connection")


@dataclass
class StoreProxy:
    """bulk: handles a bulk's items, None = passes it on; when it answers None, the connection is cut; attempts: how often each
    id was sent to us; bulks: bytes of each bulk."""

    to_url: str
    port: int
    bulk: Callable[["StoreProxy", Items], Awaitable[web.Response | None]] | None = None
    attempts: Counter[str] = field(default_factory=Counter)
    bulks: list[int] = field(default_factory=list)
    _bulk_path: str = "/_bulk"
    _http: aiohttp.ClientSession | None = None
    _runner: web.AppRunner | None = None
    _listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listens."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._http = aiohttp.ClientSession(auto_decompress=False)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        await web.SockSite(self._runner, self._listener).start()

    async def shut(self) -> None:
        """Nobody listens any more; what is under way is cut."""
        assert self._runner is not None and self._http is not None and self._listener is not None
        await stop_accepting([self._listener])
        await self._runner.cleanup()
        await self._http.close()

    async def send(self, items: Items) -> list[dict[str, Any]]:
        """Stores these; the answer's items."""
        if not items:
            return []
        headers = {"Content-Type": "application/x-ndjson", "Accept-Encoding": "identity"}
        assert self._http is not None
        async with self._http.post(
            f"{self.to_url}{self._bulk_path}", data=b"".join(lines for _, lines in items), headers=headers
        ) as answer:
            found: list[dict[str, Any]] = orjson.loads(await answer.read())["items"]
            return found

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path == "/_bulk":
            self._bulk_path = request.path_qs
            items = items_of(body)
            self.attempts.update(one for one, _ in items)
            self.bulks.append(len(body))
            if self.bulk is not None:
                made = await self.bulk(self, items)
                if made is None and request.transport is not None:
                    request.transport.abort()
                return made or web.Response()
        assert self._http is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in (*_DROPPED, "host")}
        async with self._http.request(
            request.method, self.to_url + request.path_qs, data=body, headers=headers
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


def items_of(body: bytes) -> Items:
    """The items of a bulk's body."""
    lines = body.split(b"\n")
    return [
        (orjson.loads(action)["create"]["_id"], action + b"\n" + source + b"\n")
        for action, source in zip(lines[::2], lines[1::2], strict=False)
        if action
    ]


def answer_of(items: Sequence[dict[str, Any]]) -> web.Response:
    """A bulk's answer."""
    errors = any("error" in item["create"] for item in items)
    return web.json_response({"errors": errors, "items": items}, headers={"X-Elastic-Product": "Elasticsearch"})


def failed(status: int, kind: str) -> dict[str, Any]:
    """One item's failure."""
    return {"create": {"status": status, "error": {"type": kind, "reason": "because the row says so"}}}


@asynccontextmanager
async def proxy_before_store(url: str) -> AsyncIterator[StoreProxy]:
    """A listening proxy."""
    proxy = StoreProxy(url, free_port())
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.shut()
