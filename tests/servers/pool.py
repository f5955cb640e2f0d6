"""The servers of one test run: each started once, on first use, several at the same time."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.servers.elasticsearch import Elasticsearch
from tests.servers.keeper import Keeper
from tests.servers.mariadb import MariaDB
from tests.servers.process import Server
from tests.servers.rabbitmq import CONTROL, RabbitMQ
from tests.servers.redis import Redis

S = TypeVar("S", bound=Server)

# The environment variable that names a running server to use instead of starting one.
REPLACEMENTS: dict[type[Server], str] = {
    MariaDB: "PAILOU_TEST_MYSQL_URL",
    Redis: "PAILOU_TEST_REDIS_URL",
    RabbitMQ: "PAILOU_TEST_RABBITMQ_URL",
    Elasticsearch: "PAILOU_TEST_ELASTICSEARCH_URL",
}


class ServerPool:
    """Starts servers in one temporary folder and ends them all in `close()`; nothing happens until the first use."""

    def __init__(self) -> None:
        self._keeper: Keeper | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._shared: dict[type[Server], Future[Server]] = {}
        self._all: list[Server] = []

    def begin(self, *kinds: type[Server]) -> None:
        """Start the shared servers of these kinds in the background, unless they run or are replaced."""
        for kind in kinds:
            if kind not in self._shared and not os.environ.get(REPLACEMENTS[kind]):
                if self._threads is None:
                    self._threads = ThreadPoolExecutor(len(REPLACEMENTS), "start-server")
                server = self.make(kind)
                self._shared[kind] = self._threads.submit(_start, server)

    def url(self, kind: type[Server]) -> str:
        """The URL of the shared server of a kind, once it answers. ServerUnavailable when it cannot be had."""
        if replacement := os.environ.get(REPLACEMENTS[kind]):
            return replacement
        self.begin(kind)
        return self._shared[kind].result().url

    def rabbitmq_control(self) -> str:
        """How to make virtual hosts on the shared RabbitMQ; empty on somebody else's."""
        if os.environ.get(REPLACEMENTS[RabbitMQ]):
            return os.environ.get(CONTROL, "")
        self.url(RabbitMQ)
        server = self._shared[RabbitMQ].result()
        assert isinstance(server, RabbitMQ)
        return server.control

    def make(self, kind: type[S], folder: Path | None = None) -> S:
        """A server of one's own, not started yet: for tests that stop, kill or pause it. folder: that exists and stays; None = one
        of the run's."""
        if folder is None:
            number = sum(isinstance(server, kind) for server in self._all)
            folder = self.folder / f"{number}"
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        server = kind(folder, self._the_keeper())
        self._all.append(server)
        return server

    @contextmanager
    def of_ones_own(self) -> Iterator[Callable[[type[S]], S]]:
        """A function that takes a class and gives a started server; at the end of the block all of them end."""
        made: list[Server] = []

        def start(kind: type[S]) -> S:
            server = self.make(kind)
            made.append(server)
            server.start()
            return server

        try:
            yield start
        finally:
            for server in made:
                server.close()

    @property
    def folder(self) -> Path:
        """The run's temporary folder, removed at its end."""
        return self._the_keeper().folder

    def close(self) -> None:
        """End every server started here and remove the folder."""
        for server in self._all:
            server.close()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
            # Ctrl-C while they start: a thread that was still preparing has launched its server since.
            for server in self._all:
                server.close()
        if self._keeper is not None:
            self._keeper.close()

    def _the_keeper(self) -> Keeper:
        if self._keeper is None:
            self._keeper = Keeper()
        return self._keeper


def _start(server: Server) -> Server:
    server.start()
    return server
