"""The one factory of Redis clients, and the one place where their errors become ours.

redis-py's defaults (10 retries, 5 s) stall a call for 59 s when Redis hangs and repeat scripts whose answer was late; every
client of the platform is therefore made here, without retries and with a time budget.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from openplatform.adapters.embedded import Embedded
from openplatform.errors import PLATFORM_UNAVAILABLE, SettingsError

BACKGROUND_TIMEOUT_S = 2.0

RedisClient = Redis


@asynccontextmanager
async def open_redis(
    url: str, embedded: Embedded | None, *, timeout_s: float = BACKGROUND_TIMEOUT_S, max_connections: int = 16
) -> AsyncIterator[RedisClient]:
    """A client for `redis://…`, `rediss://…` or `memory://` (the all-in-one's in-process server). Strings come back as bytes.

    Raises SettingsError for `memory://` outside the all-in-one: other processes would never see the data.
    """
    if url.startswith("memory:"):
        if embedded is None:
            raise SettingsError(
                "PAILOU_REDIS_URL: memory:// works in `pailou dev` only, since its data lives in one process"
            )
        import fakeredis  # by the all-in-one alone

        client: Any = fakeredis.FakeAsyncRedis(server=embedded.redis_server)
    else:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=max_connections,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns whatever the driver raises inside the block into PlatformUnavailable; usable around awaits."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise PLATFORM_UNAVAILABLE(f"redis: {type(error).__name__}") from error
