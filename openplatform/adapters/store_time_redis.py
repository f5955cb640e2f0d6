"""StoreTime over Redis: what TIME says."""

from openplatform.adapters.redis_client import RedisClient, redis_errors


class RedisStoreTime:
    """Plays StoreTime over Redis or fakeredis."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def now(self) -> float:
        with redis_errors():
            seconds, microseconds = await self._client.time()
        return float(seconds) + float(microseconds) / 1e6
