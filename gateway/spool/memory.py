"""Where call logs wait while the disk does not take them: bounded, the oldest go first."""

from collections import deque
from collections.abc import Callable

from gateway.spool.segment import Batch


class MemoryStore:
    """NDJSON of turns, as it would have gone to disk. max_records: past it the oldest turn is dropped."""

    def __init__(self, *, max_records: int, dropped: Callable[[str, int], None]) -> None:
        self._max_records = max_records
        self._dropped = dropped
        self._turns: deque[tuple[bytes, int, int]] = deque()  # body, records, epoch ms
        self.unsent = 0
        """Records that wait here."""

    def append(self, body: bytes, records: int, written_ms: int) -> None:
        """Takes a turn's records; never fails."""
        self._turns.append((body, records, written_ms))
        self.unsent += records
        while self.unsent > self._max_records:
            _, oldest, _ = self._turns.popleft()
            self.unsent -= oldest
            self._dropped("buffer_full", oldest)

    def take(self, max_records: int) -> Batch | None:
        """The oldest turns that fit into one batch; None = nothing waits."""
        bodies: list[bytes] = []
        taken, oldest_ms = 0, self.oldest_ms() or 0
        while self._turns and taken + self._turns[0][1] <= max_records:
            body, records, _ = self._turns.popleft()
            bodies.append(body)
            taken += records
        self.unsent -= taken
        return Batch(b"".join(bodies), taken, oldest_ms, None) if bodies else None

    def oldest_ms(self) -> int | None:
        """When the oldest turn came, epoch ms."""
        return self._turns[0][2] if self._turns else None
