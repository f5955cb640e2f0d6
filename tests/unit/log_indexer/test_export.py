"""An export is complete or visibly broken off: a store's hiccup is waited out, an outage ends the stream with an error."""

import asyncio

import pytest

from log_indexer import export
from log_indexer.export import exported
from openplatform.errors import PLATFORM_UNAVAILABLE, PlatformUnavailable
from openplatform.records import LogConditions, LogHit, LogPage, LogQuery
from tests.contract.call_log_store.samples import record
from tests.unit.log_indexer.parts import ScriptedStore

ALL = LogConditions(from_ms=0, to_ms=1)


class PagedStore(ScriptedStore):
    """Two pages of one record; before each, as many failures as told."""

    def __init__(self, failures: int, *, partial: bool = False) -> None:
        super().__init__()
        self.failures = self.left = failures
        self.partial = partial
        self.asked: list[str | None] = []

    async def search(self, query: LogQuery) -> LogPage:
        self.asked.append(query.cursor)
        if self.left:
            self.left -= 1
            if not self.partial:
                raise PLATFORM_UNAVAILABLE("busy")
            return LogPage(hits=(), total=0, total_is_capped=False, cursor=None, is_partial=True)
        self.left = self.failures
        log = record("r2" if query.cursor else "r1")
        return LogPage(hits=(LogHit(log=log),), total=0, total_is_capped=False, cursor=None if query.cursor else "c")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_PAUSE_S", 0)


@pytest.mark.parametrize("partial", [False, True])
async def test_a_hiccup_is_waited_out(partial: bool) -> None:
    """A page that failed or took too long is asked for again; no record is lost or repeated."""
    store = PagedStore(3, partial=partial)
    chunks = [chunk async for chunk in exported(store, ALL)]
    assert [b'"r1"' in chunks[0], b'"r2"' in chunks[1], len(chunks)] == [True, True, 2]
    assert store.asked == [None] * 4 + ["c"] * 4


async def test_an_outage_breaks_the_stream_off() -> None:
    """It never ends as if it were complete."""
    store = PagedStore(4)
    with pytest.raises(PlatformUnavailable):
        async with asyncio.timeout(20):
            _ = [chunk async for chunk in exported(store, ALL)]
