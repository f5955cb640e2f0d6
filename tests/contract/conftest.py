"""What the contract suites share: a Redis client over fakeredis and over a real server."""

from collections.abc import AsyncIterator

import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import RedisClient, open_redis

PATIENT_S = 30.0
"""How long a store of the tests may take: on a machine that is busy it is late, and no less healthy."""


@pytest.fixture(autouse=True)
def patient_with_rabbitmq(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its adapters have their deadlines in their modules."""
    adapters = "openplatform.adapters"
    for deadline in (
        "rabbitmq_topology.OPEN_TIMEOUT_S", "rabbitmq_topology._COUNT_TIMEOUT_S", "batch_queue_rabbitmq.SETTLE_TIMEOUT_S",
        "dead_letters_rabbitmq.SETTLE_TIMEOUT_S", "dead_letters_rabbitmq._IDLE_S",
    ):  # fmt: skip
        monkeypatch.setattr(f"{adapters}.{deadline}", PATIENT_S)


@pytest.fixture(params=["fakeredis", "redis"])
async def redis_client(request: pytest.FixtureRequest) -> AsyncIterator[RedisClient]:
    """An empty Redis, in-process and real."""
    if request.param == "fakeredis":
        opening = open_redis("memory://", Embedded())
    else:
        opening = open_redis(request.getfixturevalue("clean_redis_url"), None, timeout_s=PATIENT_S)
    async with opening as client:
        yield client
