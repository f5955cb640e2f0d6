"""The in-process world of the all-in-one: what its services share where separate processes would share servers."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from openplatform.records import DeadLetter

if TYPE_CHECKING:
    import fakeredis


class Embedded:
    """One fakeredis server and one queue of each kind, made by `pailou dev` and handed to every service it opens.

    redis_server: the data behind every `memory://` Redis client; log_batches: (NDJSON batch, how often it was taken before) on their
    way to the indexer; dead_letters: call logs that no store takes, the last 1,000. charge_batches and
    dead_charges: the same for charges; charge_turn: held by the one consumer that gets them.
    """

    redis_server: "fakeredis.FakeServer"

    def __init__(self) -> None:
        import fakeredis  # by the all-in-one alone: separate processes need not hold it

        self.redis_server = fakeredis.FakeServer(version=(7,))
        self.log_batches: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()
        self.dead_letters: deque[DeadLetter] = deque(maxlen=1_000)
        self.charge_batches: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()
        self.dead_charges: deque[DeadLetter] = deque(maxlen=1_000)
        self.charge_turn = asyncio.Lock()
