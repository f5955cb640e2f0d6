"""`pailou reindex`: days of call logs moved into indices with the template of today, one after the other, resumable."""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import typer
from rich.table import Table

from openplatform.adapters.call_log_store_elasticsearch import open_elasticsearch_store
from openplatform.adapters.elasticsearch_reindex import Checkpoint, Day, Reindexing, open_reindexing
from openplatform.env import Env
from openplatform.errors import PlatformUnavailable, SettingsError, StoreRejected
from pailou.progress import Work, working
from pailou.terminal import out, talk

FAILED, PART_DONE = 1, 4


@dataclass
class Done:
    """What became of a day."""

    day: Day
    result: str
    seconds: float = 0.0
    documents: int = 0


@dataclass
class Moves:
    """The days to move. checkpoint: the file that says how far the one under way is."""

    checkpoint: Path
    done: list[Done] = field(default_factory=list)

    async def run(self, moving: Reindexing, days: list[Day], resumed: Checkpoint | None) -> None:
        """All of them, oldest first. What the store refuses of a day leaves that day as it is, and the next is moved."""
        with working("records copied", sum(day.documents for day in days)) as work:
            for day in days:
                began = time.monotonic()
                try:
                    point = resumed if resumed is not None and resumed.source == day.index else await moving.begin(day)
                    documents = await self._move(moving, point, work)
                except StoreRejected as error:
                    self.done.append(Done(day, f"left as it was: {error}", time.monotonic() - began))
                else:
                    self.done.append(Done(day, "moved", time.monotonic() - began, documents))
                    self.checkpoint.unlink(missing_ok=True)

    async def _move(self, moving: Reindexing, point: Checkpoint, work: Work) -> int:
        work.advance(point.copied)
        self._keep(point)
        async with contextlib.aclosing(moving.copy(point)) as steps:
            async for step in steps:
                work.advance(step.copied - point.copied)
                point = step
                self._keep(point)
        return await moving.finish(point)

    def _keep(self, point: Checkpoint) -> None:
        beside = self.checkpoint.with_name(self.checkpoint.name + ".new")
        beside.write_bytes(msgspec.json.encode(point))
        beside.replace(self.checkpoint)


def reindex(
    range_: tuple[str, str], checkpoint: Path, *, everything: bool, dry_run: bool, yes: bool, resume: bool
) -> int:
    """The exit status. range_: first and last day, "" = none. Raises SettingsError."""
    env = Env(service="pailou reindex")
    url = env.url("ELASTICSEARCH_URL", schemes=("http", "https", "sqlite"), why="the store of call logs")
    env.finish()
    if url.startswith("sqlite:"):
        talk.print("The embedded log store has no templates: there is nothing to reindex.")
        return 0
    moves = Moves(checkpoint)
    try:
        asyncio.run(_run(moves, url, range_, everything=everything, dry_run=dry_run, yes=yes, resume=resume))
    except KeyboardInterrupt:
        talk.print(f"Interrupted; every day can be searched. Go on with: {_again()}", markup=False)
        raise
    except PlatformUnavailable as error:
        _show_done(moves)
        talk.print(f"{error.sub_msg}. Go on with: {_again()}", markup=False, style="red")
        return PART_DONE if moves.done else FAILED
    _show_done(moves)
    failed = sum(done.result != "moved" for done in moves.done)
    return 0 if not failed else FAILED if failed == len(moves.done) else PART_DONE


async def _run(
    moves: Moves, url: str, range_: tuple[str, str], *, everything: bool, dry_run: bool, yes: bool, resume: bool
) -> None:
    resumed = _read(moves.checkpoint) if resume else None
    async with open_elasticsearch_store(url) as store:
        talk.print(f"Template: {await store.prepare()}", markup=False)
    async with open_reindexing(url) as moving:
        days = [day for day in await moving.days() if _is_meant(day, range_)]
        meant = [
            day for day in days if everything or day.differs or (resumed is not None and resumed.source == day.index)
        ]
        _show_days(meant, len(days))
        if dry_run or not meant:
            return
        if not yes:
            typer.confirm(f"Move {len(meant)} days?", abort=True, err=True)
        await moves.run(moving, meant, resumed)


def _read(checkpoint: Path) -> Checkpoint:
    try:
        return msgspec.json.decode(checkpoint.read_bytes(), type=Checkpoint)
    except FileNotFoundError:
        raise SettingsError(f"{checkpoint} is not there: nothing to resume; run it without --resume") from None
    except msgspec.DecodeError as error:
        raise SettingsError(f"{checkpoint} cannot be read: {error}; run it without --resume") from None


def _is_meant(day: Day, range_: tuple[str, str]) -> bool:
    date = day.name[-10:].replace(".", "-")
    return (range_[0] or date) <= date <= (range_[1] or date)


def _show_days(meant: list[Day], total: int) -> None:
    if not meant:
        talk.print(f"None of {total} days differs from the template: nothing to do.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("day", "records", "differs in"):
        table.add_column(heading, justify="right" if heading == "records" else "left")
    for day in meant:
        table.add_row(day.name, f"{day.documents:,}", ", ".join(day.differs) or "nothing")
    talk.print(table)


def _show_done(moves: Moves) -> None:
    if not moves.done:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("day", "records", "seconds", "result"):
        table.add_column(heading, justify="right" if heading in ("records", "seconds") else "left", overflow="fold")
    for done in moves.done:
        table.add_row(done.day.name, f"{done.documents:,}", f"{done.seconds:.1f}", done.result)
    out.print(table, soft_wrap=False)


def _again() -> str:
    return " ".join(["pailou", *(argument for argument in sys.argv[1:] if argument != "--resume"), "--resume"])
