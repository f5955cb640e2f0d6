"""Progress of long work on standard error: a bar where somebody looks, a line every five seconds where a file reads along."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pailou.terminal import talk

EVERY_S = 5.0


class Work:
    """done: how much so far; total: of how much, None = not known."""

    def __init__(self, what: str, total: int | None, bar: Progress | None) -> None:
        self.done = 0
        self.total = total
        self._what = what
        self._began = self._told_at = time.monotonic()
        self._bar = bar
        self._task: TaskID | None = None if bar is None else bar.add_task(what, total=total, per_second="")

    @property
    def per_second(self) -> float:
        """So far, on average."""
        return self.done / max(time.monotonic() - self._began, 0.001)

    def advance(self, count: int) -> None:
        """So many more are done."""
        self.done += count
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, per_second=f"{self.per_second:,.0f}/s")
        elif time.monotonic() - self._told_at >= EVERY_S:
            self._told_at = time.monotonic()
            of = "" if self.total is None else f" of {self.total:,}"
            talk.print(f"{self._what}: {self.done:,}{of}, {self.per_second:,.0f}/s", markup=False)


@contextmanager
def working(what: str, total: int | None, *, quiet: bool = False) -> Iterator[Work]:
    """Shows how far the block is. quiet: says nothing."""
    if quiet or not talk.is_terminal:
        work = Work(what, total, None)
        if quiet:
            work._told_at = float("inf")
        yield work
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[per_second]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=talk, transient=True) as bar:
        yield Work(what, total, bar)
