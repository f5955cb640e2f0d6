"""Fixtures that hand out the real servers of `tests/servers`; a server that cannot be had fails the tests that need it."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import Elasticsearch, MariaDB, RabbitMQ, Redis, SmtpServer
from tests.servers import free_port as find_free_port
from tests.servers.elasticsearch import delete_everything
from tests.servers.mariadb import drop_database
from tests.servers.mariadb import fresh_database as create_database
from tests.servers.plugin import ServersPlugin
from tests.servers.pool import S, ServerPool
from tests.servers.rabbitmq import delete_vhost, fresh_vhost
from tests.servers.redis import flush
from tests.side_by_side import SideBySidePlugin


def pytest_configure(config: pytest.Config) -> None:
    """One set of servers per process that runs tests, handed to fixtures as `servers`."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a script's background job: what it starts would ignore Ctrl-C, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(ServersPlugin(), "pailou-servers")
    config.pluginmanager.register(SideBySidePlugin(), "pailou-side-by-side")
    # Nothing is timed: a machine that is busy makes no example wrong.
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> ServerPool:
    """The run's servers, and its temporary folder."""
    plugin = pytestconfig.pluginmanager.get_plugin("pailou-servers")
    assert isinstance(plugin, ServersPlugin)
    return plugin.pool


@pytest.fixture(scope="session")
def mariadb_url(servers: ServerPool) -> str:
    """`mysql+asyncmy://user:password@host:port`, without a database: `fresh_database` makes one."""
    return servers.url(MariaDB)


@pytest.fixture
def fresh_database(mariadb_url: str) -> Iterator[Callable[[str], str]]:
    """Call it with a prefix: the URL of a new, empty utf8mb4 database, dropped after the test."""
    made: list[str] = []

    def create(prefix: str = "test") -> str:
        made.append(create_database(mariadb_url, prefix))
        return made[-1]

    yield create
    for url in made:
        drop_database(url)


@pytest.fixture(scope="session")
def redis_url(servers: ServerPool) -> str:
    """`redis://host:port/0`, with whatever other tests left in it."""
    return servers.url(Redis)


@pytest.fixture
def clean_redis_url(redis_url: str) -> str:
    """The same, emptied."""
    flush(redis_url)
    return redis_url


@pytest.fixture(scope="session")
def rabbitmq_server_url(servers: ServerPool) -> str:
    """The server's default virtual host; tests take `rabbitmq_url`."""
    return servers.url(RabbitMQ)


@pytest.fixture
def rabbitmq_url(servers: ServerPool, rabbitmq_server_url: str) -> Iterator[str]:
    """`amqp://user:password@host:port/vhost`: a virtual host that only this test uses."""
    control = servers.rabbitmq_control()
    url = fresh_vhost(rabbitmq_server_url, control)
    yield url
    delete_vhost(url, control)


@pytest.fixture(scope="session")
def elasticsearch_url(servers: ServerPool) -> str:
    """`http://host:port`, with whatever indices other tests left in it."""
    return servers.url(Elasticsearch)


@pytest.fixture
def clean_elasticsearch_url(elasticsearch_url: str) -> str:
    """The same, without indices and templates."""
    delete_everything(elasticsearch_url)
    return elasticsearch_url


@pytest.fixture
def own_server(servers: ServerPool) -> Iterator[Callable[[type[S]], S]]:
    """Call it with a class (`own_server(Redis)`): a started server that this test alone may kill, pause or restart."""
    with servers.of_ones_own() as start:
        yield start


@pytest.fixture
def smtp_server(tmp_path: Path) -> Iterator[SmtpServer]:
    """A mail server with STARTTLS and login that keeps its mails in memory."""
    with SmtpServer(tmp_path) as server:
        yield server


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Call it: a port on 127.0.0.1 that nothing listens on."""
    return find_free_port
