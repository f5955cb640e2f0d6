"""The role of the store that call logs are kept in and searched in."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from openplatform.records import (
    CallLog,
    Histogram,
    IndexVerdict,
    LogConditions,
    LogPage,
    LogQuery,
    StatsQuery,
    StatsTable,
    StoreInUse,
)


class CallLogStore(Protocol):
    """Where call logs are kept and searched."""

    async def prepare(self) -> StoreInUse:
        """Creates templates or tables; says what it is, and which text analysis is in use."""

    async def add(self, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        """Stores records by requestId; one verdict each, in order. A record that is there already changes nothing."""

    async def search(self, query: LogQuery) -> LogPage:
        """One page of hits; partial after 5 s. Raises StoreRejected for a cursor or condition that cannot be understood."""

    async def count(self, conditions: LogConditions) -> int:
        """How many records fit, exactly."""

    async def histogram(self, conditions: LogConditions, *, interval_ms: int, offset_ms: int = 0) -> Histogram:
        """The records that fit, over time; partial after 5 s. offset_ms: as in StatsQuery."""

    async def stats(self, query: StatsQuery) -> StatsTable:
        """Statistics by group. Never partial: what takes longer than 5 s raises PlatformUnavailable."""

    async def drop_before(self, day: date) -> int:
        """Deletes records received before that day (UTC); returns how many daily parts went."""
