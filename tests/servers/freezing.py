"""Freezing processes: SIGSTOP is sent at once and takes effect a moment later, in which a busy machine still lets threads answer."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_AT_REST = "TtZX"


def freeze(pid: int, *, group: bool = False) -> None:
    """Returns when no thread of the process, or of any process of its group, runs any more."""
    (os.killpg if group else os.kill)(pid, signal.SIGSTOP)
    while any(state not in _AT_REST for state in _states(pid, group=group)):
        time.sleep(0.001)


def _states(pid: int, *, group: bool) -> Iterator[str]:
    """Of each thread, as proc(5) names them."""
    for stat in Path("/proc").glob(f"{'[0-9]*' if group else pid}/task/[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if not group or int(its_group) == pid:
                yield state
