"""StoreTime: the shared clock, over every adapter."""

import time

import pytest

from openplatform.adapters.redis_client import RedisClient, open_redis
from openplatform.adapters.store_time_redis import RedisStoreTime
from openplatform.errors import PlatformUnavailable


async def test_it_tells_the_time(redis_client: RedisClient) -> None:
    """A store on this machine says what this machine says, with parts of a second."""
    store_time = RedisStoreTime(redis_client)
    before = time.time()
    said = await store_time.now()
    assert before - 0.1 <= said <= time.time() + 0.1


async def test_a_store_that_is_away_is_unavailable() -> None:
    """Without a store there is an error of the platform, not the driver's."""
    async with open_redis("redis://127.0.0.1:1/0", None) as client:
        with pytest.raises(PlatformUnavailable):
            await RedisStoreTime(client).now()
