"""An admin_api whose searches reach a log_indexer of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from admin_api.app import create_app
from log_indexer.settings import IndexerSettings
from openplatform.service_client import ServiceClient
from tests.admin_world import World

KEY = "key-of-the-integration-tests"


def indexer_settings(folder: Path) -> IndexerSettings:
    """A log_indexer over SQLite in that folder."""
    return IndexerSettings.from_env({
        "PAILOU_RABBITMQ_URL": "memory://", "PAILOU_ELASTICSEARCH_URL": f"sqlite:///{folder}/logs.db",
        "PAILOU_REDIS_URL": "memory://", "PAILOU_INTERNAL_KEYS": KEY,
    })  # fmt: skip


@asynccontextmanager
async def asking(world: World, indexer: ASGIApp | str) -> AsyncIterator[World]:
    """The same admin_api, whose service client reaches this indexer: an application, or the address of a server."""
    address = indexer if isinstance(indexer, str) else "indexer:8011"
    transport = None if isinstance(indexer, str) else httpx.ASGITransport(indexer)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
        client = ServiceClient(http, world.resources.directory, internal_key=KEY, pinned={"log-indexer": [address]})
        world.app = create_app(replace(world.resources, services=client), world.settings)
        yield world
