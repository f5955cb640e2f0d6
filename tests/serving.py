"""Serves an ASGI application on a real socket inside a test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.closing import stop_accepting


@asynccontextmanager
async def serving(
    app: ASGIApp, *, http: object = "httptools", lifespan: str = "off", listener: socket.socket | None = None
) -> AsyncIterator[int]:
    """Yields the port; http: a protocol class of uvicorn's, or its name; listener: closed at the end, None = one on a free port."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=http, lifespan=lifespan, log_config=None, access_log=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the test's own stay
    task = asyncio.create_task(server._serve([listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        await stop_accepting([listener])
        server.should_exit = True
        await task
        listener.close()
