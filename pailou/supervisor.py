"""Several processes of one service on one port: starts them, replaces those that die or hang, stops them together."""

import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

from uvicorn import Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Process

from openplatform.errors import SettingsError
from openplatform.metrics import siblings
from pailou.serving import DrainingServer, ServiceConfig

log = logging.getLogger(__name__)

LOOK_S = 0.2
"""How often the workers are looked at; a dead one costs its share of the port's connections nothing, the others accept them."""
HANGS_AFTER_S = 5.0
"""A worker whose process does not even answer a ping by then is killed: it is stopped or swapped out for good."""
START_S = 60.0
"""How long a replacement may take to start during a rolling restart before the restart is given up."""
SHORT_LIFE_S = 10.0
"""One that ends sooner counts as failing: its replacement waits."""
_CANNOT_START = {STARTUP_FAILURE: 1, os.EX_CONFIG: os.EX_CONFIG}
"""A worker's exit status → ours: EX_CONFIG (78) when its settings do not fit what it found, as of a single process."""
_BACK_OFF_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)


class Worker(Process):
    """One process of the service, with our server in it.

    folder: where its siblings find it; slot: its number among them, its replacement's too; count: how many they are.
    """

    def __init__(
        self, config: ServiceConfig, sockets: list[socket.socket], folder: Path, slot: int, count: int
    ) -> None:
        super().__init__(config, sockets)
        self.config: ServiceConfig = config
        self.folder = folder
        self.slot = slot
        self.count = count
        self.was_ready = False
        self.began_at = time.monotonic()

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = DrainingServer(self.config, parent=os.getppid())  # read inside the worker
        return self._server

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        siblings.join(self.folder, self.slot, self.count)
        try:
            super().target(sockets)
        except SystemExit:  # uvicorn's word for an application that did not start; the log says why
            if isinstance(getattr(self.config.loaded_app, "failure", None), SettingsError):
                raise SystemExit(os.EX_CONFIG) from None
            raise

    def lives(self) -> bool:
        """False when the process ended, or served once and hangs now. One that starts may take its time."""
        if not self.process.is_alive():
            return False
        if self.was_ready:
            return self.ping(HANGS_AFTER_S)
        self.was_ready = self.is_ready(timeout=0.1)
        return True


class Supervisor:
    """Runs `workers` processes until SIGTERM or SIGINT; SIGHUP replaces them one by one.

    A worker that dies is replaced at once, one that dies again and again with growing pauses. A worker that cannot start
    while none of this run could stops everything: it would fail the same way for ever. All of a start accept from one moment on.
    """

    def __init__(self, config: ServiceConfig, sockets: list[socket.socket], workers: int) -> None:
        self._config = config
        self._sockets = sockets
        self._count = workers
        self._workers: list[Worker] = []
        self._folder = Path(tempfile.mkdtemp(prefix="pailou-"))  # nobody else may enter it
        self._stopping = threading.Event()
        self._restart = False
        self._failures = 0
        self._start_after = 0.0
        self._one_could_start = False

    def run(self) -> int:
        """The exit status: 0 after a proper stop, 78 or 1 when the service cannot start; its processes have logged why."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        log.info("%d processes of %s", self._count, self._config.service)
        status = 0
        while not self._stopping.wait(LOOK_S):
            status = self._look_after()
            if status:
                break
            if self._restart:
                self._restart = False
                self._replace_all()
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        return status

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._restart = True
        else:
            self._stopping.set()

    def _look_after(self) -> int:
        """Removes the dead and starts what is missing; not 0 = the service cannot start at all, the exit status then."""
        self._one_could_start = self._one_could_start or any(self._folder.glob("*.sock"))
        for worker in list(self._workers):
            if worker.lives():
                continue
            worker.kill()
            worker.join()
            self._workers.remove(worker)
            if not self._one_could_start and worker.exitcode in _CANNOT_START:
                return _CANNOT_START[worker.exitcode]
            log.error("process %s of %s ended with %s", worker.pid, self._config.service, worker.exitcode)
            lived_s = time.monotonic() - worker.began_at
            self._failures = self._failures + 1 if lived_s < SHORT_LIFE_S else 0
            self._start_after = time.monotonic() + _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        while len(self._workers) < self._count and time.monotonic() >= self._start_after:
            slot = min(set(range(self._count)) - {worker.slot for worker in self._workers})
            self._workers.append(self._started(slot))
        return 0

    def _replace_all(self) -> None:
        """A rolling restart: each worker goes when its replacement serves."""
        for index, old in enumerate(self._workers):
            new = self._started(old.slot)
            if not new.wait_until_ready(START_S, self._stopping):
                new.kill()
                new.join()
                log.error("the restart is given up: a new process did not start; the old ones go on")
                return
            old.terminate()
            old.join()
            self._workers[index] = new

    def _started(self, slot: int) -> Worker:
        worker = Worker(self._config, self._sockets, self._folder, slot, self._count)
        worker.start()
        return worker
