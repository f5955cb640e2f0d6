"""The in-process world of the all-in-one: what its services share where separate processes would share servers."""

import asyncio
from collections import deque

import fakeredis


class Embedded:
    """One fakeredis server and one log queue, made by `pailou dev` and handed to every service it opens.

    redis_server: the data behind every `memory://` Redis client; log_batches: (NDJSON batch, was delivered before) on their
    way to the indexer; dead_letters: (reason, record) of call logs that no store takes, the last 1,000.
    """

    def __init__(self) -> None:
        self.redis_server = fakeredis.FakeServer(version=(7,))
        self.log_batches: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self.dead_letters: deque[tuple[str, bytes]] = deque(maxlen=1_000)
