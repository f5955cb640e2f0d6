"""The process that cleans up after a test run however it ends, even by SIGKILL: it outlives the run by a moment.

It reads lines from a pipe (`watch PID`, `forget PID`, `folder PATH`); the pipe's end is the end of the run. Then it kills
the process groups still on its list and removes the folder. A finalizer alone would leave servers behind.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Keeper:
    """A temporary folder and the list of processes to end, both held by a process of their own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pailou-test-"))
        self.folder.chmod(0o755)  # servers run as other users and must reach their folders
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, start_new_session=True, text=True, bufsize=1
        )
        self._say(f"folder {self.folder}")

    def watch(self, pid: int) -> None:
        """Kill the process group `pid` when the run ends, unless `forget` is called."""
        self._say(f"watch {pid}")

    def forget(self, pid: int) -> None:
        """The process group `pid` is gone; its number may soon be somebody else's."""
        self._say(f"forget {pid}")

    def close(self) -> None:
        """End everything on the list and remove the folder; returns when that is done."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")


def main() -> None:
    """Keep the list until the pipe ends, then end what is on it."""
    groups: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "watch":
            groups.add(int(value))
        elif word == "forget":
            groups.discard(int(value))
        else:
            folders.append(value)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for folder in folders:
        for _ in range(20):  # a process that is just dying may still write into it
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):
                break
            time.sleep(0.1)


if __name__ == "__main__":
    main()
