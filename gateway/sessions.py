"""Sessions: a bounded memory cache in front of Redis.

A session is served from memory for at most 60 s and never past its expiry; a revocation is announced and drops it at once.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from functools import lru_cache

from openplatform.ports import Clock, SessionStore
from openplatform.records import AccessToken, TokenHash


@lru_cache(maxsize=32_768)
def token_hash(token: str) -> TokenHash:
    """What a token is known by everywhere but in the caller's hands: its SHA-256, hex. The latest tokens stay in this process's memory
    beside theirs, as they do in the pairs of forms that are remembered; nothing else keeps them."""
    return TokenHash(hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())


@lru_cache(maxsize=10_000)
def scope_covers(scope: str, api_name: str, group: str) -> bool:
    """Whether a session's scope holds an API: words joined by commas, each an API's name, the name of a group of APIs, or the
    beginning of names, `open.order.*`. An empty scope holds everything that the app may call."""
    return not scope or any(
        word in (api_name, group) or (word.endswith(".*") and api_name.startswith(word[:-1]))
        for word in scope.split(",")
    )


class Sessions:
    """Known sessions by the hash of their token. max_entries bounds memory; keep_s: how long one is served without asking again."""

    def __init__(self, store: SessionStore, clock: Clock, *, max_entries: int, keep_s: float) -> None:
        self._store = store
        self._clock = clock
        self._max_entries = max_entries
        self._keep_s = keep_s
        self._known: dict[str, tuple[AccessToken, float]] = {}
        self._asked: dict[str, asyncio.Future[AccessToken | None]] = {}
        self._drops = 0

    def recall(self, hashed: TokenHash) -> AccessToken | None:
        """The session if memory has it, without waiting."""
        known = self._known.get(hashed)
        if known is None:
            return None
        token, until = known
        return token if self._clock.monotonic() < until else None

    async def find(self, hashed: TokenHash) -> AccessToken | None:
        """The session, or None when it is unknown or revoked. Raises PlatformUnavailable when only Redis could tell.

        Callers that miss the same session at the same time share one look-up.
        """
        asked = self._asked.get(hashed)
        if asked is None:
            asked = self._asked[hashed] = asyncio.ensure_future(self._fetch(hashed))
            asked.add_done_callback(lambda _: self._asked.pop(hashed, None))
        return await asyncio.shield(asked)

    async def _fetch(self, hashed: TokenHash) -> AccessToken | None:
        drops = self._drops
        token = await self._store.find(hashed)
        if token is not None and drops == self._drops:  # else it may be one of those just revoked
            if len(self._known) >= self._max_entries:
                self._known.pop(next(iter(self._known)))  # the oldest: dictionaries keep their order
            self._known[hashed] = (token, self._clock.monotonic() + self._keep_s)
        return token

    def drop(self, hashes: Iterable[str] | None) -> None:
        """Forgets these sessions, or all of them (None)."""
        if hashes is None:
            self._drops += 1
            self._known.clear()
            return
        for hashed in hashes:
            self._drops += 1
            self._known.pop(hashed, None)
