"""A real Redis that keeps nothing on disk."""

import socket

import redis

from tests.servers.ports import free_port
from tests.servers.process import Server, find_program


class Redis(Server):
    """Debian's redis-server; `redis://127.0.0.1:port/0`, no password."""

    name = "redis"
    user = "redis"

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def spawn(self) -> None:
        """Start it with persistence off: a restart comes back empty, as after the loss of a cache."""
        program = find_program("redis-server")
        self.make_folder()
        command = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        self.launch([*command, "--save", "", "--appendonly", "no", "--databases", "64"])

    def answers(self) -> bool:
        """PING is answered with PONG."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")


def flush(url: str) -> None:
    """Empty the database that the URL names."""
    with redis.Redis.from_url(url, retry=None) as client:
        client.flushdb()
