"""Starts `pailou serve …` as processes of their own, as in production, over whatever servers the environment given names."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
READY_WITHIN_S = 120
ENDED_WITHIN_S = 120


@dataclass
class Running:
    """A started `pailou serve`: its process (a supervisor when it has workers), its port, and where its words go."""

    process: subprocess.Popen[bytes]
    port: int
    words: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill -9 for the whole process group, workers included."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, then its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, ENDED_WITHIN_S)


@asynccontextmanager
async def serve(
    name: str, port: int, environ: Mapping[str, str], folder: Path, *, workers: int = 1, ready_path: str = "/readyz"
) -> AsyncIterator[Running]:
    """A service that is ready. environ: its PAILOU_ settings; the port is set under its own variable."""
    words = folder / f"{name}-{port}.log"
    variable = f"PAILOU_{name.upper()}_PORT"
    own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PAILOU_SPOOL_DIR": str(folder / "spool")}
    # Tests side by side make Redis late, and a call that is decided without it is counted nowhere; fault rows set what is usual.
    own["PAILOU_REDIS_TIMEOUT_MS"] = "2000"
    env = {**own, **environ, variable: str(port)}
    command = [sys.executable, "-m", "pailou", "serve", name, "--workers", str(workers)]
    with words.open("wb") as out:
        process = subprocess.Popen(  # noqa: ASYNC220  # it returns at once
            command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True
        )
    running = Running(process, port, words)
    try:
        await _ready(running, ready_path)
        yield running
    finally:
        running.kill()


async def _ready(running: Running, path: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http, asyncio.timeout(READY_WITHIN_S):
        while True:
            if running.process.poll() is not None:
                raise AssertionError(f"it ended with {running.process.returncode}:\n{running.words.read_text()}")
            with contextlib.suppress(httpx.HTTPError):
                response = await http.get(running.url + path)
                if response.status_code == 200:
                    return
            await asyncio.sleep(0.05)
