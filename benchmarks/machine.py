"""The machine under the figures: which core belongs to whom, and what a process used of it."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

TESTED_CORE, OTHERS_CORE = 0, 1
"""The process under test has a core of its own; load, stores and the service share the other one."""

_TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def on_tested_core(command: list[str]) -> list[str]:
    """The same command, run on the core of the process under test."""
    return ["taskset", "-c", str(TESTED_CORE), *command]


def on_any_core(command: list[str]) -> list[str]:
    """The same command, run on any core, whichever this process is bound to."""
    return ["taskset", "-c", f"0-{(os.cpu_count() or 1) - 1}", *command]


def move_to_others_core() -> None:
    """This process and whatever it starts from now on."""
    os.sched_setaffinity(0, {OTHERS_CORE})


def has_two_cores() -> bool:
    return {TESTED_CORE, OTHERS_CORE} <= os.sched_getaffinity(0)


@dataclass(frozen=True)
class Used:
    """What processes have used so far. cpu_us: user and system time, of all their threads."""

    cpu_us: float
    resident_mib: float


def used_by(*pids: int) -> Used:
    """From /proc; the kernel counts in ticks of 10 ms, two per mille of a run of 5 s."""
    cpu_us = resident = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu_us += (int(fields[11]) + int(fields[12])) * _TICK_US
        status = Path(f"/proc/{pid}/status").read_text()
        resident += int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return Used(cpu_us, resident)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name() -> str:
    """Processor, cores and Python, for the record."""
    model = next(
        (line.partition(":")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?"
    )
    return f"{' '.join(model.split())} x{os.cpu_count()}, Python {platform.python_version()}"
