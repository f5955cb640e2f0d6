"""wrk: as much load as one core takes, and a fixed rate; what the process under test used, and how long answers took."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import used_by
from tests.servers.process import find_program

_SCRIPT = Path(__file__).with_name("calls.lua")
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Run:
    """One run. cpu_us: per request, of the process under test; resident_mib: of it, at the end."""

    requests: int
    per_second: float
    cpu_us: float
    resident_mib: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Load:
    """bodies: a file of POST bodies, one a line."""

    bodies: Path
    connections: int

    def saturate(self, url: str, pids: list[int], *, seconds: float) -> Run:
        """Every connection sends its next request as soon as it has its answer."""
        return self._run(url, pids, seconds, None)

    def at_rate(self, url: str, pids: list[int], *, rate: float, seconds: float) -> Run:
        """About `rate` requests a second: every connection pauses in between, at random around the same mean.

        wrk corrects the percentiles for requests that it would have sent while it waited for a slow answer.
        """
        cycle_ms = self.connections / rate * 1000
        rehearsal = self._run(url, pids, 1.0, cycle_ms)
        return self._run(url, pids, seconds, max(0.0, cycle_ms - rehearsal.p50_ms))

    def _run(self, url: str, pids: list[int], seconds: float, pause_ms: float | None) -> Run:
        """Raises RuntimeError when an answer was an error of HTTP or of the connection."""
        command = [find_program("wrk"), "--latency", "-t1", f"-c{self.connections}", f"-d{max(1, round(seconds))}s"]
        environment = os.environ | {"PAILOU_BENCH_BODIES": str(self.bodies)}
        if pause_ms is not None:
            environment["PAILOU_BENCH_PAUSE_MS"] = f"{pause_ms:.3f}"
        before = used_by(*pids)
        done = subprocess.run(
            [*command, "-s", str(_SCRIPT), url], env=environment, capture_output=True, text=True, check=True
        )
        after = used_by(*pids)
        if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            raise RuntimeError(f"not all answers were good:\n{done.stdout}")
        requests, took_ms = _found(r"(\d+) requests in ([\d.]+)(\w+),", done.stdout)
        return Run(
            requests=round(requests),
            per_second=requests / took_ms * 1000,
            cpu_us=(after.cpu_us - before.cpu_us) / requests,
            resident_mib=after.resident_mib,
            p50_ms=_found(r" (50)%\s+([\d.]+)(\w+)", done.stdout)[1],
            p99_ms=_found(r" (99)%\s+([\d.]+)(\w+)", done.stdout)[1],
        )


def _found(pattern: str, text: str) -> tuple[float, float]:
    """A number, and a time in ms."""
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk said nothing that can be read:\n{text}")
    return float(found[1]), float(found[2]) * _UNITS_MS[found[3]]
