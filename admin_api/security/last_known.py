"""Operators whom the database has vouched for a short while ago: recognised as readers while it does not answer."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from admin_api.security.operators import Operator

KNOWN_FOR = timedelta(minutes=15)
"""For so long after the database's last word. What others change meanwhile (a role, an ended session) is not known here."""
MOST = 256
"""Sessions; the one that was seen least recently goes first. With its menu each takes some 25 kB: 6 MB."""


@dataclass(slots=True)
class Known:
    """operator: with the permissions of then; until: recognised before then; shown: what the console keeps of its own beside it."""

    operator: Operator
    until: datetime
    shown: Any = None


class LastKnown:
    """By the hash under which a session is stored: the session's id itself is nowhere kept.

    A change that decides who may do what makes it forget everybody, as soon as it is committed.
    """

    def __init__(self) -> None:
        self._by_hash: OrderedDict[str, Known] = OrderedDict()
        self.forgotten = 0
        """How often somebody was forgotten: what was read from the database before is not kept after."""

    def keep(self, operator: Operator, until: datetime, *, forgotten: int) -> None:
        """The database has just vouched for the operator. forgotten: what it was before the database was asked."""
        if forgotten != self.forgotten:
            return
        before = self._by_hash.pop(operator.session_hash, None)
        self._by_hash[operator.session_hash] = Known(operator, until, before and before.shown)
        if len(self._by_hash) > MOST:
            self._by_hash.popitem(last=False)

    def find(self, session_hash: str, now: datetime) -> Known | None:
        """None = never seen, forgotten, or too long ago."""
        known = self._by_hash.get(session_hash)
        return known if known is not None and now < known.until else None

    def forget(self, session_hash: str) -> None:
        """The session has ended."""
        self.forgotten += 1
        self._by_hash.pop(session_hash, None)

    def forget_all(self) -> None:
        """Who may do what has changed."""
        self.forgotten += 1
        self._by_hash.clear()
