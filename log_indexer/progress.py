"""How far indexing has come: what is in hand, what was indexed last, how old the oldest record is that is not."""

from log_indexer.batch import Batch
from openplatform.ports import CallLogConsumer, Clock
from openplatform.records import Record, StoreInUse


class Lag(Record, frozen=True, kw_only=True):
    """lag_s: age of the oldest record that is known not to be indexed, 0 = nothing waits; depth: batches waiting in the queue;
    last_indexed_ms: receiveTime of the newest record indexed by this process, 0 = none yet."""

    lag_s: float
    depth: int
    last_indexed_ms: int


class Progress:
    """Written by the consumer, read by /lag and /metrics."""

    def __init__(self, queue: CallLogConsumer, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._in_hand: dict[int, Batch] = {}
        self._last_indexed_ms = 0
        self._idle_since_s = clock.now()
        self.blocked = ""
        """Why the store takes no writes until somebody makes room; empty = it takes them."""
        self.store: StoreInUse | None = None
        """What the store said of itself; None = it was not reached yet."""

    @property
    def batches(self) -> int:
        """Batches taken and not settled."""
        return len(self._in_hand)

    def taken(self, batch: Batch) -> None:
        """A batch was taken from the queue."""
        self._in_hand[id(batch)] = batch

    def settled(self, batch: Batch) -> None:
        """A batch is out of our hands."""
        self._in_hand.pop(id(batch), None)
        self._idle_since_s = self._clock.now()

    def indexed_up_to(self, received_ms: int) -> None:
        """Records up to this receiveTime were stored."""
        self._last_indexed_ms = max(self._last_indexed_ms, received_ms)

    async def lag(self) -> Lag:
        """Raises PlatformUnavailable when the queue cannot be asked: nobody knows then what waits."""
        depth = await self._queue.depth()
        oldest_ms = min((b.oldest_ms for b in self._in_hand.values() if b.oldest_ms is not None), default=None)
        lag_s = 0.0
        if oldest_ms is not None:
            lag_s = self._clock.now() - oldest_ms / 1000
        elif depth:  # it waits, and we have none of it: since we last had something, or were started
            lag_s = self._clock.now() - self._idle_since_s
        return Lag(lag_s=max(0.0, lag_s), depth=depth, last_indexed_ms=self._last_indexed_ms)
