"""What call logs an Elasticsearch holds, asked past the platform's own search."""

from collections.abc import AsyncIterator
from typing import Any

from elasticsearch import AsyncElasticsearch

INDICES = "gateway-log-*"


async def stored(store: AsyncElasticsearch) -> int:
    """How many, over all days."""
    if not await store.indices.exists(index=INDICES, allow_no_indices=False):
        return 0
    await store.indices.refresh(index=INDICES)
    return int((await store.count(index=INDICES))["count"])


async def every_hit(store: AsyncElasticsearch) -> AsyncIterator[dict[str, Any]]:
    """All of them, by request id, without their content. Ask `stored` first: it refreshes."""
    after = None
    while True:
        page = await store.search(index=INDICES, size=5000, sort=["requestId"], search_after=after, source=False)
        hits = page["hits"]["hits"]
        if not hits:
            return
        for hit in hits:
            yield hit
        after = hits[-1]["sort"]
