"""What fault rows share: a broker's virtual host and a folder for each module, and a Redis that a module may kill."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.world import DurableRedis
from tests.servers import Redis
from tests.servers.pool import S, ServerPool
from tests.servers.rabbitmq import delete_vhost, fresh_vhost


@pytest.fixture(scope="module")
def vhost(servers: ServerPool, rabbitmq_server_url: str) -> Iterator[str]:
    """`amqp://…`: a virtual host that only this module uses."""
    control = servers.rabbitmq_control()
    url = fresh_vhost(rabbitmq_server_url, control)
    yield url
    delete_vhost(url, control)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the words of the module's processes."""
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def server_of(servers: ServerPool) -> Iterator[Callable[[type[S]], S]]:
    """Call it with a class: a started server that the module may kill or pause."""
    with servers.of_ones_own() as start:
        yield start


@pytest.fixture(scope="module")
def durable_redis(server_of: Callable[[type[Redis]], Redis]) -> Redis:
    """A Redis of the module's own that keeps its data over a kill."""
    return server_of(DurableRedis)
