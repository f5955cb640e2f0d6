"""The day's API ranking, as the admission script counted it in Redis; the console reads it here."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import RANK_PREFIX


class RedisApiRanking:
    """Plays ApiRanking over Redis or fakeredis. Of equally often called APIs the alphabetically first comes first."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def top(self, day: date, count: int) -> Sequence[tuple[str, int]]:
        if count <= 0:
            return ()
        with redis_errors():
            rows: Any = await self._client.zrange(
                f"{RANK_PREFIX}{day:%Y%m%d}", 0, count - 1, desc=True, withscores=True
            )
        return sorted(((name.decode(), int(calls)) for name, calls in rows), key=lambda row: (-row[1], row[0]))
