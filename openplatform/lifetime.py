"""A process's life: its start under a server, jobs beside its work, its place in the directory, the time between "stop" and the end."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from openplatform import __version__
from openplatform.errors import PlatformUnavailable, SettingsError
from openplatform.jobs import running as running
from openplatform.ports import ServiceDirectory
from openplatform.records import Instance, ProcessReport

log = logging.getLogger(__name__)

HEARTBEAT_S = 5.0


class Draining:
    """Whether this process has been asked to stop and only waits for others to notice. Its server says so.

    From then on /readyz answers 503 and its instances are out of the directory, while calls are still served.
    """

    def __init__(self) -> None:
        self.began = False
        self._listeners: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Called by the server, inside the event loop; once is enough, more does no harm."""
        self.began = True
        for listener in tuple(self._listeners):
            listener()

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Calls the listener when draining begins inside the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


draining = Draining()
"""This process's own: a process drains as a whole."""


class ServiceProcess:
    """An ASGI application whose resources open at lifespan startup, inside the worker's own loop, and close at shutdown.

    state: what the open application leaves in the lifespan's state for the server's protocols. failure: why it did not start,
    None while it did.
    """

    def __init__(
        self,
        open_app: Callable[[], AbstractAsyncContextManager[ASGIApp]],
        *,
        state: Callable[[ASGIApp], Mapping[str, object]] | None = None,
    ) -> None:
        self._open_app = open_app
        self._state = state
        self._app: ASGIApp | None = None
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._app is None:
            raise RuntimeError("the server did not run the lifespan: start it with lifespan on")
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            try:
                self._app = await stack.enter_async_context(self._open_app())
            except Exception as error:
                self.failure = error
                log.error("start failed: %s", error, exc_info=not isinstance(error, SettingsError))
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            if self._state is not None and "state" in scope:
                scope["state"].update(self._state(self._app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def this_instance(service_id: str, host: str, port: int) -> Instance:
    """What this process says of itself in the directory: started now, of this version. host, port: where others reach it."""
    return Instance(
        service_id=service_id, host=host, port=port, version=__version__, started_at_ms=int(time.time() * 1000)
    )


@asynccontextmanager
async def registered(
    directory: ServiceDirectory,
    instance: Instance,
    report: Callable[[], ProcessReport] | None = None,
    *,
    news: asyncio.Event | None = None,
) -> AsyncIterator[None]:
    """Keeps the instance in the directory by a beat every 5 s, until the block ends or the process begins to drain.

    report: what the process says of itself with each beat; news: set when there is something that cannot wait for the next one.
    A store that is down is logged.
    """
    wake = news or asyncio.Event()
    is_leaving = False

    def leave() -> None:
        nonlocal is_leaving
        is_leaving = True
        wake.set()

    async def beat_on() -> None:
        while not is_leaving:
            wake.clear()
            try:
                await directory.beat(instance)
                if report is not None:
                    await directory.report(instance.service_id, report())
            except PlatformUnavailable as error:
                log.warning("heartbeat of %s at %s failed: %s", instance.service_id, instance.address, error.sub_msg)
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), HEARTBEAT_S)
        with suppress(PlatformUnavailable):
            await directory.leave(instance)

    with draining.heard_by(leave):
        async with running(beat_on(), name=f"heartbeat of {instance.service_id}") as beats:
            try:
                yield
            finally:
                leave()
                await asyncio.wait({beats})
