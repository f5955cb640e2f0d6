"""Announcements over a Redis that dies."""

import asyncio
from collections.abc import Callable

from openplatform.adapters.catalog_redis import RedisCatalogReader
from openplatform.adapters.redis_client import open_redis
from tests.servers import Redis
from tests.waiting import PATIENCE_S


async def test_announcements_survive_a_restart(own_server: Callable[[type[Redis]], Redis]) -> None:
    """When Redis dies and comes back, the subscription stands again by itself and says so once."""
    server = await asyncio.to_thread(own_server, Redis)
    async with open_redis(server.url, None) as client:
        announcements = RedisCatalogReader(client).announcements()
        await asyncio.wait_for(anext(announcements), PATIENCE_S)
        news = asyncio.ensure_future(anext(announcements))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.3)
        assert not news.done()
        await asyncio.to_thread(server.start)
        await asyncio.wait_for(news, PATIENCE_S)
        await announcements.aclose()
