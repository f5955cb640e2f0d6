"""The figures of a run: the table that people read, and the row that is kept."""

import csv
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import machine

RESULTS = Path(__file__).with_name("results.csv")
STEPS = (("must", 12.0), ("next", 6.5), ("goal", 5.0))
"""Multiples of nginx's CPU time per request, from the platform's performance goals."""


@dataclass(frozen=True)
class Figures:
    """Medians of the runs. nginx_us and ratio come from runs just before and after each of the gateway's."""

    case: str
    cpu_us: float
    nginx_us: float
    ratio: float
    per_second: float
    nginx_per_second: float
    half_rate: float
    p50_ms: float
    p99_ms: float
    nginx_p50_ms: float
    nginx_p99_ms: float
    resident_mib: float
    runs: int
    seconds: float
    connections: int


def show(rows: list[Figures], console: Console) -> None:
    table = Table(title=f"CPU of one process on one core, {machine.name()}", title_justify="left")
    for heading in ("case", "CPU µs / request", "× nginx", "requests / s", "p50 ms", "p99 ms", "at / s", "RSS MiB"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for row in rows:
        table.add_row(
            "nginx proxy_pass",
            f"{row.nginx_us:.1f}",
            "1",
            f"{row.nginx_per_second:,.0f}",
            f"{row.nginx_p50_ms:.2f}",
            f"{row.nginx_p99_ms:.2f}",
            f"{row.half_rate:,.0f}",
            "",
        )
        table.add_row(
            row.case,
            f"{row.cpu_us:.1f}",
            f"{row.ratio:.1f}",
            f"{row.per_second:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.half_rate:,.0f}",
            f"{row.resident_mib:.0f}",
        )
    console.print(table)
    for row in rows:
        reached = [name for name, bound in STEPS if row.ratio <= bound]
        steps = ", ".join(f"{name} ≤ {bound:g}×" for name, bound in STEPS)
        console.print(
            f"{row.case}: {row.ratio:.1f} × nginx in the same run; reached: {reached[-1] if reached else 'none'} of {steps}"
        )


def keep(rows: list[Figures]) -> None:
    """Appends to results.csv, with commit and machine."""
    is_new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        for row in rows:
            known = {
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "commit": _commit(),
                "machine": machine.name(),
            }
            values = known | {
                name: f"{value:.2f}" if isinstance(value, float) else value for name, value in asdict(row).items()
            }
            writer = csv.DictWriter(file, list(values), lineterminator="\n")
            if is_new:
                writer.writeheader()
                is_new = False
            writer.writerow(values)


def _commit() -> str:
    """The commit, with a `+` when tracked files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=10", "--exclude=*", "--dirty=+"],
        cwd=RESULTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "?"
