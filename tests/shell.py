"""A terminal in which somebody types `pailou …`."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.admin_world import Caller
from tests.architecture.tree import ROOT


@dataclass(frozen=True)
class Done:
    """status; out: standard output; said: standard error."""

    status: int
    out: str
    said: str


@dataclass(frozen=True)
class Shell:
    """Runs `pailou COMMAND …` in a folder, nobody at the keyboard."""

    folder: Path
    environ: dict[str, str]
    command: str

    async def pailou(self, *arguments: str, **environ: str) -> Done:
        command = [sys.executable, "-m", "pailou", self.command, *arguments]
        ran = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            input="",
        )
        return Done(ran.returncode, ran.stdout, ran.stderr)


def operator_environ(operator: Caller, port: int) -> dict[str, str]:
    """The environment of this operator, whose admin_api listens on the port of this machine."""
    token = operator.http.headers["Authorization"].removeprefix("Bearer ")
    environ = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PAILOU_ADMIN_URL": f"http://127.0.0.1:{port}"}
    return {**environ, "PAILOU_ADMIN_TOKEN": token, "COLUMNS": "200"}
