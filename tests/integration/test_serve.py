"""`pailou serve` as an operator meets it: processes, signals, exit statuses."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from openplatform.env import environment

WAIT_S = 120.0


class Served:
    """`pailou serve warehouse` in a process of its own."""

    def __init__(self, environ: dict[str, str], folder: Path, *arguments: str) -> None:
        self.url = f"http://127.0.0.1:{environ['PAILOU_WAREHOUSE_PORT']}"
        self.log = folder / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pailou", "serve", "warehouse", *arguments],
                env=environ, stdout=log, stderr=log,
            )  # fmt: skip

    def readiness(self) -> int:
        """Status of /readyz, 0 when nothing answers."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=WAIT_S).status_code
        except httpx.HTTPError:
            return 0

    def answers(self) -> int:
        """Status of /healthz; raises when nothing answers."""
        return httpx.get(f"{self.url}/healthz", timeout=WAIT_S).status_code

    def wait(self, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.05)

    def ready(self) -> "Served":
        self.wait(lambda: self.readiness() == 200)
        return self

    def workers(self) -> set[int]:
        """Process ids of the service's processes, without multiprocessing's helper."""
        return {pid for pid in _children(self.process.pid) if b"spawn_main" in _command_line(pid)}

    def starts(self) -> dict[str, float]:
        """What one scrape of /metrics tells: each worker's number and when it was started, epoch s. One that is busy may be missing."""
        text = httpx.get(f"{self.url}/metrics", timeout=WAIT_S).text
        found = re.findall(r'^process_start_time_seconds\{worker="(\d+)"\} (\S+)$', text, re.MULTILINE)
        return {number: float(at) for number, at in found}

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


def _children(parent: int) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # it has just ended
                _, _, fields = (process / "stat").read_text().rpartition(")")
                if int(fields.split()[1]) == parent:
                    yield int(process.name)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def environ(redis_url: str, tmp_path: Path, free_port: Callable[[], int]) -> dict[str, str]:
    """Settings of a warehouse service over a migrated SQLite file."""
    clean = {name: value for name, value in environment().items() if not name.startswith("PAILOU_")}
    settings = clean | {
        "PAILOU_WAREHOUSE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/warehouse.sqlite3",
        "PAILOU_REDIS_URL": redis_url,
        "PAILOU_INTERNAL_KEYS": "0123456789abcdef",
        "PAILOU_WAREHOUSE_PORT": str(free_port()),
        "PAILOU_DRAIN_S": "1",
    }
    subprocess.run([sys.executable, "-m", "pailou", "db", "upgrade", "warehouse"], env=settings, check=True)
    return settings


@pytest.fixture
def serve(environ: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Call it with more arguments and settings: the running service, killed after the test if it still runs."""
    made: list[Served] = []

    def start(*arguments: str, **settings: str) -> Served:
        made.append(Served(environ | settings, tmp_path, *arguments))
        return made[-1]

    yield start
    for served in made:
        left = served.workers()
        served.process.kill()
        served.process.wait()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_sigterm_drains_and_ends_with_0(serve: Callable[..., Served]) -> None:
    """After SIGTERM /readyz turns 503 while the service still answers; then it ends with status 0."""
    served = serve(PAILOU_DRAIN_S="5").ready()
    served.process.send_signal(signal.SIGTERM)
    served.wait(lambda: served.readiness() == 503)
    assert served.process.wait(WAIT_S) == 0


def test_a_second_ctrl_c_ends_at_once(serve: Callable[..., Served]) -> None:
    """Ctrl-C drains like SIGTERM; a second one does not wait, and the status is 0 all the same."""
    served = serve(PAILOU_DRAIN_S="300").ready()
    served.process.send_signal(signal.SIGINT)
    served.wait(lambda: served.readiness() == 503)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(WAIT_S) == 0


def test_a_taken_port_ends_with_78(serve: Callable[..., Served]) -> None:
    """A second service on the same port ends with 78 and names the variable that chooses another."""
    serve().ready()
    second = serve()
    assert second.process.wait(WAIT_S) == 78
    assert "PAILOU_WAREHOUSE_PORT" in second.log.read_text()


def test_a_start_that_fails_ends_with_1(environ: dict[str, str], serve: Callable[..., Served]) -> None:
    """A service that cannot open its database ends with 1, also under the supervisor, which does not try for ever."""
    environ["PAILOU_WAREHOUSE_DATABASE_URL"] = "sqlite+aiosqlite:////proc/no/such/folder/x"
    assert serve().process.wait(WAIT_S) == 1
    assert serve("--workers", "2").process.wait(WAIT_S) == 1


def test_memory_redis_alone_ends_with_78(environ: dict[str, str], serve: Callable[..., Served]) -> None:
    """A service started alone refuses memory://, since its peers would never see the data."""
    environ["PAILOU_REDIS_URL"] = "memory://"
    served = serve()
    assert served.process.wait(WAIT_S) == 78
    assert "memory://" in served.log.read_text()


def test_all_workers_of_a_start_are_ready_together(serve: Callable[..., Served]) -> None:
    """Whoever waits for readiness and connects then meets all processes, and not the one that was first."""
    served = serve("--workers", "4").ready()
    assert served.log.read_text().count("Application startup complete") == 4
    assert len(served.workers()) == 4
    served.wait(lambda: set(served.starts()) == {"0", "1", "2", "3"})


def test_a_killed_worker_is_replaced(serve: Callable[..., Served]) -> None:
    """Of two workers one is killed: the other answers meanwhile, a new one comes, and SIGTERM ends all of them with 0. One scrape of
    /metrics tells of both workers, and of the new one under the old one's number."""
    served = serve("--workers", "2").ready()
    before = served.workers()
    started: dict[str, float] = {}

    def both_told() -> bool:
        started.update(served.starts())
        return len(started) == 2

    served.wait(both_told)
    os.kill(min(before), signal.SIGKILL)
    served.wait(lambda: len(served.workers() - before) == 1)
    assert served.answers() == 200
    served.wait(lambda: len(new := served.starts()) == 2 and sum(new[n] > started[n] for n in new) == 1)
    assert served.end() == 0
    assert served.readiness() == 0


def test_a_rolling_restart_refuses_nobody(serve: Callable[..., Served]) -> None:
    """SIGHUP replaces every worker, and every call meanwhile is answered."""
    served = serve("--workers", "2").ready()
    before = served.workers()
    served.process.send_signal(signal.SIGHUP)
    statuses: set[int] = set()

    def all_replaced() -> bool:
        statuses.add(served.answers())
        now = served.workers()
        return len(now) == 2 and not now & before

    served.wait(all_replaced)
    assert statuses == {200}


def test_workers_without_their_supervisor_stop(serve: Callable[..., Served]) -> None:
    """When the supervisor is killed, its workers notice and free the port."""
    served = serve("--workers", "2").ready()
    served.process.kill()
    served.process.wait()
    served.wait(lambda: served.readiness() == 0)
