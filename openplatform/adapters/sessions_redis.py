"""Sessions in Redis, by the hash of their token: the gateway asks here for those it does not remember."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import SESSION_PREFIX
from openplatform.adapters.redis_wire import RedisWire
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import AccessToken, TokenHash

log = logging.getLogger(__name__)


class RedisSessionStore:
    """Plays SessionStore over Redis or fakeredis. Finds sessions up to a day after their end: the caller compares the time.

    A record that cannot be read is our fault, not the caller's: PlatformUnavailable.
    """

    def __init__(self, client: RedisClient, *, wire: RedisWire | None = None) -> None:
        """wire: a faster way to the same Redis."""
        self._command: Callable[..., Awaitable[Any]] = wire.command if wire else client.execute_command
        self._decoder = msgspec.json.Decoder(AccessToken)

    async def find(self, token_hash: TokenHash) -> AccessToken | None:
        with redis_errors():
            stored: Any = await self._command("GET", f"{SESSION_PREFIX}{token_hash}")
        _, _, body = (stored or b"").partition(b" ")  # the version stands before it
        if not body:
            return None
        try:
            return self._decoder.decode(body)
        except msgspec.DecodeError as error:
            log.error("the session %s… in Redis cannot be read: %s", token_hash[:8], error)
            raise PLATFORM_UNAVAILABLE("the session cannot be read") from error
