"""The log stores that the contract suite runs over."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openplatform.adapters.call_log_store_elasticsearch import ElasticsearchCallLogStore
from openplatform.adapters.call_log_store_sqlite import open_sqlite_store
from openplatform.adapters.elasticsearch_client import open_elasticsearch_client
from openplatform.adapters.elasticsearch_query import IK_ANALYZER
from tests.contract.call_log_store.samples import StoreUnderTest


@pytest.fixture(params=["sqlite", "elasticsearch", "elasticsearch-ik"])
async def tested(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreUnderTest]:
    """An empty store: SQLite's, Elasticsearch's, and the branch of its template for clusters with the IK plugin.

    For the last one the index's settings define an analyser of the plugin's name.
    """
    if request.param == "sqlite":
        async with open_sqlite_store(tmp_path / "logs" / "call-logs.db") as store:
            yield StoreUnderTest(store, nothing)
        return
    prefix = f"t{uuid.uuid4().hex[:10]}-log"
    async with open_elasticsearch_client(request.getfixturevalue("elasticsearch_url")) as client:
        if request.param == "elasticsearch-ik":
            definition = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}
            store = ElasticsearchCallLogStore(
                client,
                index_prefix=prefix,
                text_analyzer=IK_ANALYZER,
                index_settings={"analysis": {"analyzer": {IK_ANALYZER: definition}}},
            )
        else:
            store = ElasticsearchCallLogStore(client, index_prefix=prefix)
        await store.prepare()
        yield StoreUnderTest(store, lambda: client.indices.refresh(index=f"{prefix}-*"))
        await client.indices.delete(index=f"{prefix}-*")
        await client.indices.delete_index_template(name=prefix)


async def nothing() -> None:
    """SQLite shows what was added at once."""
