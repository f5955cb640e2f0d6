"""The spool's segments against a model: nothing is sent twice in one life, nothing is lost uncounted, files go when they are done."""

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.spool.segment import Batch, inspect
from gateway.spool.store import SpoolStore
from openplatform.log_frames import frame, plain

MAX_BYTES = 8_000
"""Segments of 2,000: a few frames each."""


class StoreMachine(RuleBasedStateMachine):
    """Appends, takes, confirms, does its chores, dies and starts again, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.lost = 0
        self.next = 0
        self.waiting: set[int] = set()  # written, neither confirmed nor lost
        self.under_way: list[tuple[Batch, set[int]]] = []
        self.open()

    def open(self) -> None:
        self.store = SpoolStore(self.folder, max_bytes=MAX_BYTES, dropped=self.count)

    def count(self, reason: str, records: int) -> None:
        assert reason == "spool_full"
        self.lost += records

    @rule(records=st.integers(1, 5), padding=st.integers(0, 400))
    def append(self, records: int, padding: int) -> None:
        numbers = range(self.next, self.next + records)
        self.next += records
        body = b"".join(b"%d:%b\n" % (n, b"x" * padding) for n in numbers)
        lost_before = self.lost
        self.store.append(frame(body, records, 1), records)
        self.waiting |= set(numbers)
        # Whole segments from the front: of what nobody has taken the oldest are gone.
        free = sorted(self.waiting - {n for _, ids in self.under_way for n in ids})
        self.waiting -= set(free[: self.lost - lost_before])

    @rule(records=st.integers(1, 12))
    def take(self, records: int) -> None:
        batch = self.store.take(records, 1500)
        free = sorted(self.waiting - {n for _, ids in self.under_way for n in ids})
        if batch is None:
            assert free == []
            return
        ids = [int(line.partition(b":")[0]) for line in plain(batch.body).splitlines()]
        assert len(ids) == batch.records
        assert set(ids) <= set(free)
        self.under_way.append((batch, set(ids)))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        batch, ids = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        assert batch.segment is not None
        self.store.settle(batch.segment, batch.records)
        self.waiting -= ids

    @rule()
    def do_chores(self) -> None:
        if (chores := self.store.chores()) is not None:
            chores()

    @rule()
    def die_and_start(self) -> None:
        """What was under way comes again, and with it what was confirmed of the same segment; nothing is missing."""
        self.store.close()
        self.open()
        for path in sorted(self.folder.glob("*.spool")):
            self.store.adopt(inspect(path))
        kept = {
            n for batch, ids in self.under_way if batch.segment is not None and batch.segment.is_dropped for n in ids
        }
        self.waiting -= kept  # under way out of a segment that is gone: lost with the process, as it says at its end
        self.under_way = []
        again: set[int] = set()
        for segment in self.store._segments:
            again |= numbers_in(segment.path)
        assert self.waiting <= again
        self.waiting = again

    @invariant()
    def counts_are_right(self) -> None:
        out_of_dropped = {
            n for batch, ids in self.under_way if batch.segment is not None and batch.segment.is_dropped for n in ids
        }
        assert self.store.entries == len(self.waiting - out_of_dropped)
        assert self.store.unsent == len(self.waiting - {n for _, ids in self.under_way for n in ids})
        assert self.store.bytes <= MAX_BYTES

    def teardown(self) -> None:
        while self.under_way:
            batch, ids = self.under_way.pop()
            assert batch.segment is not None
            self.store.settle(batch.segment, batch.records)
            self.waiting -= ids
        while (batch_left := self.store.take(500, 1 << 20)) is not None:
            assert batch_left.segment is not None
            self.store.settle(batch_left.segment, batch_left.records)
        self.store.close()
        assert list(self.folder.iterdir()) == []
        shutil.rmtree(self.folder)


def numbers_in(path: Path) -> set[int]:
    """The records of a segment's file."""
    return {int(line.partition(b":")[0]) for line in plain(path.read_bytes()).splitlines()}


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
