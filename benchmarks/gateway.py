"""The gateway under test, started as in production: `pailou serve gateway`, real Redis, real RabbitMQ."""

import secrets
import sys
import urllib.request
from pathlib import Path

from benchmarks.catalogue import DEAD_ID, SERVICE_ID
from benchmarks.machine import children_of, on_any_core, on_tested_core
from tests.servers.ports import free_port
from tests.servers.process import Server

ROOT = Path(__file__).parent.parent


class Gateway(Server):
    """profile_to: a file for samples of where time goes; None = no profiler, which is what figures are taken with; processes: on its
    port, None = one on the core of the process under test, a number = so many on any core."""

    name = "gateway"
    user = "root"
    redis_url: str
    rabbitmq_url: str
    master_key: str
    service_url: str
    profile_to: Path | None = None
    processes: int | None = None

    def spawn(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/router/rest"
        self.make_folder()
        environment = {
            "PYTHONPATH": str(ROOT),
            "PAILOU_REDIS_URL": self.redis_url,
            "PAILOU_RABBITMQ_URL": self.rabbitmq_url,
            "PAILOU_MASTER_KEYS": self.master_key,
            "PAILOU_INTERNAL_KEYS": secrets.token_hex(16),
            "PAILOU_SERVICE_ADDRESSES": f"{SERVICE_ID}={self.service_url.removeprefix('http://')},{DEAD_ID}=127.0.0.1:{free_port()}",
            "PAILOU_GATEWAY_PORT": str(self.port),
            "PAILOU_SPOOL_DIR": str(self.folder / "spool"),
            "PAILOU_MAX_CONNECTIONS_PER_ADDRESS": "1000",
            "PAILOU_DRAIN_S": "0",
            "PAILOU_TIME_ZONE": "Asia/Shanghai",
        }
        program = ["-m", "pailou"] if self.profile_to is None else ["-m", "benchmarks.profiled", str(self.profile_to)]
        command = [sys.executable, *program, "serve", "gateway"]
        if self.processes is None:
            self.launch(on_tested_core(command), environment)
        else:
            self.launch(on_any_core([*command, "--workers", str(self.processes)]), environment)

    def answers(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)

    def credentials(self) -> dict[str, int]:
        return {}  # the checkout may be readable by nobody else

    @property
    def worker_pids(self) -> list[int]:
        """What calls are answered by; with several, their supervisor does not count."""
        return children_of(self.pid) if self.processes is not None and self.processes > 1 else [self.pid]

    def counted(self) -> dict[str, float]:
        """Calls answered so far by outcome, as /metrics tells them: `ok`, `rejected`, …"""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        counts: dict[str, float] = {}
        for line in text.splitlines():
            if line.startswith("pailou_requests_total{"):
                outcome = line.partition('outcome="')[2].partition('"')[0]
                counts[outcome] = counts.get(outcome, 0) + float(line.rpartition(" ")[2])
        return counts
