"""uvicorn as the platform wants it: every stop is a drain, and every wait of a stop has an end."""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email.utils import formatdate
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.lifespan.on import LifespanOn

from openplatform.errors import SettingsError
from openplatform.lifetime import draining
from openplatform.logs import set_up_logging
from openplatform.metrics import siblings

log = logging.getLogger(__name__)

CALLS_S = 30
"""How long calls in flight may take after the last connection was accepted: ten times an API's default deadline."""
ARRIVING_S = 0.2
"""How long the connections that there are may still bring a request, after the last one was accepted: it may be on its way already."""
FLUSH_S = 10.0
"""How long the application may take to hand over what it holds, call logs above all."""
TOGETHER_S = 30.0
"""How long a worker that could serve waits for those started with it. One that never comes costs the start this, and no more."""
KEEP_ALIVE_S = 75
"""Idle connections live longer here than at any client of ours: the side that sends the next request closes first."""


class ServiceConfig(Config):
    """uvicorn's configuration of one service; it travels to worker processes by pickle.

    service: name in the process log; drain_s: seconds between the wish to stop and the last accepted connection; quiet: no
    word from uvicorn below a warning, logging is left as it is; make_protocol: makes the HTTP protocol class inside
    the process that uses it, since such a class cannot travel.
    """

    def __init__(
        self,
        app: ASGIApp | str,
        *,
        service: str,
        drain_s: float,
        quiet: bool = False,
        make_protocol: Callable[[], type[asyncio.Protocol]] | None = None,
        **options: Any,
    ) -> None:
        self.service = service
        self.drain_s = drain_s
        self.quiet = quiet
        self._make_protocol = make_protocol
        super().__init__(
            app,
            loop="uvloop",
            ws="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # whom to believe about addresses is each service's own setting
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=CALLS_S,
            **{"http": "httptools", "lifespan": "on", **options},
        )

    def configure_logging(self) -> None:
        if not self.quiet:
            set_up_logging(self.service)
        logging.getLogger("uvicorn").setLevel(logging.WARNING if self.quiet else logging.INFO)

    def load(self) -> None:
        if self._make_protocol is not None:
            self.http = self._make_protocol()
        super().load()
        if self.lifespan == "on":
            self.lifespan_class = _BoundedLifespan


class DrainingServer(Server):
    """Serves until asked to stop: /readyz 503 for `drain_s`, then no new connections, calls in flight, flush, end.

    owns_process: SIGTERM and SIGINT stop it, a second SIGINT at once, and the process drains with it; False = it is one of several
    in the process, and whoever started it calls `stop`. parent: process id of a supervisor without which it stops too, since
    nobody could tell it any more.
    """

    config: ServiceConfig

    def __init__(self, config: ServiceConfig, *, owns_process: bool = True, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent
        self._owns_process = owns_process

        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if isinstance(self.lifespan, _BoundedLifespan):
            self.lifespan.before_accepting = self._meet_siblings
        await super().startup(sockets)
        self.accepting.set()

    async def _meet_siblings(self) -> None:
        """All workers of a start accept from the same moment on: the first one alone would be taken for the whole service, and get
        all the connections of callers that wait for it."""
        await siblings.listen()
        ends = time.monotonic() + TOGETHER_S
        while not (siblings.all_listen or self.should_exit or self._is_orphan):
            if time.monotonic() > ends:
                log.warning("serving without all of its siblings: some have not started within %.0f s", TOGETHER_S)
                return
            await asyncio.sleep(0.05)

    @property
    def _is_orphan(self) -> bool:
        return self._parent is not None and os.getppid() != self._parent

    async def on_tick(self, counter: int) -> bool:
        if self._is_orphan:
            log.error("the supervisor is gone, stopping")
            self.stop()
        return await super().on_tick(counter)

    def stop(self, *, at_once: bool = False) -> None:
        self.should_exit = True
        self.force_exit = at_once

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        siblings.leave()
        await self._drain()
        for server in self.servers:
            server.close()
        await self._receive_last()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        if self._owns_process:
            draining.begin()
        if self.config.drain_s:
            log.info("not ready any more; stopping in %.1f s", self.config.drain_s)
        ends = time.monotonic() + self.config.drain_s
        while time.monotonic() < ends and not self.force_exit:
            self._answer_with_close()
            await asyncio.sleep(0.1)

    async def _receive_last(self) -> None:
        # uvicorn's own shutdown closes every connection that has no call, also one that was accepted a moment ago.
        ends = time.monotonic() + ARRIVING_S
        while self.server_state.connections and time.monotonic() < ends and not self.force_exit:
            self._answer_with_close()
            await asyncio.sleep(0.02)

    def _answer_with_close(self) -> None:
        # Callers with kept connections learn by these answers to open their next one elsewhere.
        date = [(b"date", formatdate(usegmt=True).encode())] if self.config.date_header else []
        self.server_state.default_headers = [*date, *self.config.encoded_headers, (b"connection", b"close")]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if not self._owns_process:
            yield
            return
        with super().capture_signals():
            yield
            # uvicorn would now raise the signal again, and the process would end by it instead of with status 0.
            self._captured_signals.clear()


class _BoundedLifespan(LifespanOn):
    """before_accepting: what is awaited between the application's start and the first connection."""

    before_accepting: Callable[[], Awaitable[None]] | None = None

    async def startup(self) -> None:
        await super().startup()
        if self.before_accepting is not None and not self.should_exit:
            await self.before_accepting()

    async def shutdown(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_S):
                await super().shutdown()
        except TimeoutError:
            log.error("the application did not close within %.0f s; what it still held is lost", FLUSH_S)


def bind(host: str, port: int, *, option: str) -> socket.socket:
    """A listening-to-be socket; port 0 = any free one. Raises SettingsError naming the option that would choose another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise SettingsError(f"cannot listen on {host}:{port}: {reason}. Choose another port: {option}") from error
    bound.set_inheritable(True)
    return bound


def port_of(bound: socket.socket) -> int:
    """The port that the socket is bound to."""
    return int(bound.getsockname()[1])


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, bound: socket.socket, *, service: str, http: object = "httptools"
) -> AsyncIterator[DrainingServer]:
    """Serves an open application on a bound socket while the block runs, in this event loop: for the all-in-one and tests."""
    config = ServiceConfig(app, service=service, drain_s=0, quiet=True, http=http, lifespan="off")
    server = DrainingServer(config, owns_process=False)
    task = asyncio.create_task(server.serve(sockets=[bound]), name=f"server of {service}")
    try:
        accepting = asyncio.create_task(server.accepting.wait())
        await asyncio.wait({task, accepting}, return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        yield server
    finally:
        server.stop(at_once=server.force_exit)
        await task
