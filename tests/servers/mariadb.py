"""A real MariaDB, which stands for MySQL 8 in the tests: same protocol, MySQL 8's SQL mode and character set."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncmy

from tests.servers.ports import free_port
from tests.servers.process import Server, ServerUnavailable, find_program

# What MySQL 8 has by default; MariaDB's own default lets zero dates and loose GROUP BY through.
SQL_MODE = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)


class MariaDB(Server):
    """Debian's mariadb-server; `mysql+asyncmy://user:password@127.0.0.1:port`, a user that may create databases."""

    name = "mariadb"
    user = "mysql"

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.port = free_port()
        self._password = secrets.token_hex(12)
        self.url = f"mysql+asyncmy://pailou:{self._password}@127.0.0.1:{self.port}"

    def spawn(self) -> None:
        """Make the data folder at the first start, then start the server on it."""
        server = find_program("mariadbd", "mysqld")
        installer = find_program("mariadb-install-db", "mysql_install_db")
        if self.make_folder():
            command = [installer, "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db"]
            # Each server its own temporary folder: at its start one removes the tables that another has in the shared one.
            command += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
            self.run(command, {"TMPDIR": str(self.folder)})
            # Run at each start, before the first connection is accepted.
            first = self.folder / "first.sql"
            first.write_text(
                f"CREATE USER IF NOT EXISTS 'pailou'@'127.0.0.1' IDENTIFIED BY '{self._password}';\n"
                "GRANT ALL PRIVILEGES ON *.* TO 'pailou'@'127.0.0.1' WITH GRANT OPTION;\n"
            )
            self.own(first)
        command = [server, "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.folder}/server.sock"]
        command += [f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        command += [f"--init-file={self.folder}/first.sql", f"--pid-file={self.folder}/server.pid"]
        command += ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", f"--sql-mode={SQL_MODE}"]
        # Flushed to the system at each commit, to the disk once a second: what a killed server had committed is there
        # again, and a test waits for no disk.
        command += ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=128M", "--max-connections=500"]
        self.launch(command, {"TMPDIR": str(self.folder)})

    def answers(self) -> bool:
        """A connection with our password is accepted."""
        try:
            execute(self.url, "SELECT 1")
        except asyncmy.errors.OperationalError:
            return False
        return True


def fresh_database(server_url: str, prefix: str) -> str:
    """Create an empty utf8mb4 database `<prefix>_<random>` and return its URL: `server_url` with the name as path."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    try:
        execute(server_url, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    except asyncmy.errors.MySQLError as error:
        raise ServerUnavailable(f"the MySQL server of the tests does not create a database: {error}") from error
    return f"{server_url.split('?')[0].rstrip('/')}/{name}"


def drop_database(database_url: str) -> None:
    """Drop the database that the URL's path names."""
    server_url, _, name = database_url.rpartition("/")
    execute(server_url, f"DROP DATABASE IF EXISTS `{name}`")


def execute(server_url: str, statement: str) -> None:
    """Run one statement on a connection of its own; callable with or without a running event loop."""
    url = urlsplit(server_url)

    async def run() -> None:
        connection = await asyncmy.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            connect_timeout=60,
            autocommit=True,
        )
        async with connection, connection.cursor() as cursor:
            await cursor.execute(statement)

    in_a_thread(run)


def in_a_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` on an event loop of its own in a thread, so that synchronous fixtures work inside async tests too."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()
