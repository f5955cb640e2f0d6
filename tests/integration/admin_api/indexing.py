"""An admin_api that reaches a log_indexer, or a monitor, of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from admin_api.app import create_app
from admin_api.health.service import overview
from log_indexer.settings import IndexerSettings
from openplatform import service_client
from openplatform.service_client import ServiceClient
from tests.admin_world import World
from tests.waiting import PATIENCE_S

KEY = "key-of-the-integration-tests"


class PatientClient(ServiceClient):
    """Waits for whatever a busy machine does late. What becomes of answers that are too late is tested with the client itself."""

    async def _call(self, service_id: str, request: Any) -> dict[str, Any]:
        return await super()._call(service_id, request._replace(deadline_s=PATIENCE_S))


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
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(overview, "ASK_S", PATIENCE_S)
        patient.setattr(service_client, "_READY_S", PATIENCE_S)
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=PATIENCE_S) as http:
            pinned = {"log-indexer": [address]}
            client = PatientClient(http, world.resources.directory, internal_key=KEY, pinned=pinned)
            world.app = create_app(replace(world.resources, services=client), world.settings)
            yield world
