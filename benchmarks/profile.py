"""Reads collapsed stacks and says where the time of a call goes: by function, by line, and by what it was called for."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Profile:
    """Shares of all samples. own: time in the function itself and the C code it calls; whole: with all that it calls."""

    samples: int
    own: Counter[str]
    whole: Counter[str]
    lines: Counter[str]


def read(path: Path) -> Profile:
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    samples = 0
    for row in path.read_text().splitlines():
        stack, _, number = row.rpartition(" ")
        count = int(number)
        samples += count
        frames = stack.split(";")
        functions = [frame.rpartition(":")[0] for frame in frames]
        own[functions[-1]] += count
        lines[frames[-1]] += count
        for function in set(functions):
            whole[function] += count
    return Profile(samples, own, whole, lines)


def show(profile: Profile, cpu_us: float, console: Console, *, rows: int = 40) -> None:
    """cpu_us: of one request, measured without the profiler, which the shares are spread over."""
    for title, counts in (
        ("own time", profile.own),
        ("own time by line", profile.lines),
        ("with everything called", profile.whole),
    ):
        table = Table(title=f"{title}, {profile.samples} samples", title_justify="left")
        table.add_column("µs of a request", justify="right")
        table.add_column("%", justify="right")
        table.add_column("where")
        for where, count in counts.most_common(rows):
            share = count / profile.samples
            table.add_row(f"{share * cpu_us:.1f}", f"{share * 100:.1f}", where)
        console.print(table)
