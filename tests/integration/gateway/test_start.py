"""A gateway that cannot open the apps' secrets refuses to start."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from openplatform.adapters.catalog_writer_redis import RedisCatalogWriter
from openplatform.adapters.quota_snapshot_redis import RedisQuotaSnapshot
from openplatform.adapters.redis_client import open_redis
from tests.e2e.catalogue import echo_catalogue
from tests.gateway_world import INTERNAL_KEY
from tests.processes import serve


async def test_a_wrong_master_key_refuses_the_start(
    clean_redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """Exit status 78 and one line that names the variable, no trace."""
    async with open_redis(clean_redis_url, None) as redis:
        await RedisQuotaSnapshot(redis).restore([])
        await RedisCatalogWriter(redis).replace(echo_catalogue([("caller", 1, None)]))
    environ = {
        "PAILOU_REDIS_URL": clean_redis_url,
        "PAILOU_RABBITMQ_URL": "amqp://guest:guest@127.0.0.1:1/",
        "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
        "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(b"another master key, 32 bytes !!!").decode(),
    }
    with pytest.raises(AssertionError, match="it ended with 78") as ended:
        async with serve("gateway", free_port(), environ, tmp_path):
            pass
    assert "PAILOU_MASTER_KEYS does not fit the catalogue" in str(ended.value)
    assert "Traceback" not in str(ended.value)
