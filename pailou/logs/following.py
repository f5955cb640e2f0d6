"""What `tail -f` has shown, and what it asks next: calls are indexed a little late and not in order, so it looks back a little."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pailou.logs.asked import Asked

OVERLAP_MS = 30_000
"""The promise is a lag of 5 s at most; what comes later than this is not shown."""


class Following:
    """shown: rows that are on the screen already. pause_s: between two questions."""

    pause_s = 2.0

    def __init__(self, shown: list[dict[str, Any]], *, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._began_ms = max((row["receiveTime"] for row in shown), default=now_ms())
        self._shown = {row["requestId"]: row["receiveTime"] for row in shown}

    def next(self, wanted: Asked) -> Asked:
        """The same conditions over the last moments, not before this began."""
        now_ms = self._now_ms()
        return replace(wanted, from_ms=max(self._began_ms, now_ms - OVERLAP_MS), to_ms=now_ms + 10_000)

    def new(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that were not shown yet, oldest first."""
        rows = [row for row in reversed(found) if row["requestId"] not in self._shown]
        self._shown |= {row["requestId"]: row["receiveTime"] for row in rows}
        forgotten_ms = self._now_ms() - 2 * OVERLAP_MS
        self._shown = {one: received for one, received in self._shown.items() if received >= forgotten_ms}
        return rows
