"""What the contract suites share: a Redis client over fakeredis and over a real server."""

from collections.abc import AsyncIterator

import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import RedisClient, open_redis


@pytest.fixture(params=["fakeredis", "redis"])
async def redis_client(request: pytest.FixtureRequest) -> AsyncIterator[RedisClient]:
    """An empty Redis, in-process and real."""
    if request.param == "fakeredis":
        opening = open_redis("memory://", Embedded())
    else:
        opening = open_redis(request.getfixturevalue("clean_redis_url"), None)
    async with opening as client:
        yield client
