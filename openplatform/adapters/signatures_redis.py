"""Used signatures in Redis: what lets a guarded API's request through once, over all gateway processes."""

from collections.abc import Awaitable, Callable
from typing import Any

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import SIGNATURE_PREFIX
from openplatform.adapters.redis_wire import RedisWire

# Somebody else's mark must stay: whoever did not hear that it won may be giving back what another request holds.
_GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisUsedSignatures:
    """Plays UsedSignatures over Redis or fakeredis. Nothing is repeated: a claim whose answer was lost counts as made."""

    def __init__(self, client: RedisClient, *, wire: RedisWire | None = None) -> None:
        """client: with a time budget for the hot path; wire: a faster way to the same Redis."""
        self._command: Callable[..., Awaitable[Any]] = wire.command if wire else client.execute_command

    async def claim(self, app_key: str, sign: str, *, by: str, keep_s: int) -> bool:
        with redis_errors():
            answer = await self._command("SET", f"{SIGNATURE_PREFIX}{app_key}:{sign}", by, "NX", "EX", keep_s)
        return answer is not None

    async def give_back(self, app_key: str, sign: str, *, by: str) -> None:
        with redis_errors():
            await self._command("EVAL", _GIVE_BACK, 1, f"{SIGNATURE_PREFIX}{app_key}:{sign}", by)
