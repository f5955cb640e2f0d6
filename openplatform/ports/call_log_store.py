"""The log store: where call logs are kept, searched and counted."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from openplatform.records import ApiStats, CallLog, IndexVerdict, LogPage, LogQuery, StoreInUse


class CallLogStore(Protocol):
    """Where call logs are kept and searched."""

    async def prepare(self) -> StoreInUse:
        """Creates templates or tables; says what it is, and which text analysis is in use."""

    async def add(self, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        """Stores records by requestId; one verdict each, in order. A record that is there already changes nothing."""

    async def search(self, query: LogQuery) -> LogPage:
        """One page of hits. Raises StoreRejected for a cursor or condition that cannot be understood."""

    async def stats(self, *, from_ms: int, to_ms: int, api_name: str | None = None) -> Sequence[ApiStats]:
        """Statistics by API over the records received in [from_ms, to_ms), most called first."""

    async def drop_before(self, day: date) -> int:
        """Deletes records received before that day (UTC); returns how many daily parts went."""
