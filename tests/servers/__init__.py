"""Real servers for the tests: MariaDB, Redis, RabbitMQ, Elasticsearch and a mail server, on free ports, in one temporary folder.

`tests/conftest.py` hands them out as fixtures; `python -m tests.servers` keeps them running between test runs.
"""

from tests.servers.elasticsearch import Elasticsearch
from tests.servers.mariadb import MariaDB
from tests.servers.ports import free_port
from tests.servers.process import Server, ServerUnavailable
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tests.servers.smtp import Mail, SmtpServer

__all__ = [
    "Elasticsearch",
    "Mail",
    "MariaDB",
    "RabbitMQ",
    "Redis",
    "Server",
    "ServerUnavailable",
    "SmtpServer",
    "free_port",
]
