"""The dead letters of the call log queue: looked at, and sent again once their cause is gone."""

from typing import Protocol

from openplatform.records import DeadLetterPage, DeadLetterQuery


class DeadLetters(Protocol):
    """Call logs that no store takes. Nothing is lost and the order stays, however often one looks."""

    async def count(self) -> int:
        """How many there are."""

    async def look(self, query: DeadLetterQuery, *, limit: int) -> DeadLetterPage:
        """Those that are meant, oldest first, at most limit; changes nothing. Only the oldest 10,000 of all are compared."""

    async def replay(self, query: DeadLetterQuery, *, limit: int) -> int:
        """Puts those that are meant, oldest first and at most limit, into the log queue again; returns how many.

        What breaks off in between is the same record twice, never one less. A record that is refused again comes back with a later
        time: a query with before_ms leaves it alone.
        """
