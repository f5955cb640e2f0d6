"""The test run's hold on its servers: they start when tests that need them are collected, and end with the run."""

import pytest

from tests.servers.elasticsearch import Elasticsearch
from tests.servers.mariadb import MariaDB
from tests.servers.pool import ServerPool
from tests.servers.process import Server
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tests.side_by_side import is_worker

# The fixture whose use tells that a server will be needed.
FIXTURES: dict[str, type[Server]] = {
    "mariadb_url": MariaDB,
    "redis_url": Redis,
    "rabbitmq_server_url": RabbitMQ,
    "elasticsearch_url": Elasticsearch,
}


class ServersPlugin:
    """Registered with pytest by `tests/conftest.py`; by itself it starts nothing."""

    def __init__(self) -> None:
        self.pool = ServerPool()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start in the background what the collected tests will ask for, so that the slow ones start side by side.

        One of several workers starts each at its first use: it collects all tests and will run some.
        """
        if not session.config.option.collectonly and not is_worker():
            wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
            self.pool.begin(*(kind for name, kind in FIXTURES.items() if name in wanted))

    def pytest_unconfigure(self) -> None:
        """Stop what was started, also after Ctrl-C."""
        self.pool.close()
