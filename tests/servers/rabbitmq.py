"""A real RabbitMQ node with its own port mapper, cookie and data, beside any that the machine runs already."""

import os
import secrets
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.ports import free_port
from tests.servers.process import Server, ServerUnavailable, clean_environment, find_program, port_is_open

# The package's own script; /usr/sbin/rabbitmq-server wraps it and insists on the package's user and folders.
SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = "PAILOU_TEST_RABBITMQ_CONTROL"


class RabbitMQ(Server):
    """Debian's rabbitmq-server, no plugins; `amqp://user:password@127.0.0.1:port/`.

    `control` is what `erlang` below needs to reach it: `node@host:port of the port mapper:cookie`.
    """

    name = "rabbitmq"
    user = "rabbitmq"

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.port, self._distribution_port, self._mapper_port = free_port(), free_port(), free_port()
        self._password = secrets.token_hex(12)
        self.url = f"amqp://pailou:{self._password}@127.0.0.1:{self.port}/"
        self._node = f"pailou{self.port}@localhost"
        self._cookie = secrets.token_hex(16)
        self.control = f"{self._node}:{self._mapper_port}:{self._cookie}"
        self._mapper: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        """Start the port mapper (it stays over restarts), then the node."""
        mapper = find_program("epmd")
        find_program("erl_call")
        script = str(SCRIPT) if SCRIPT.exists() else find_program("rabbitmq-server")
        if self.make_folder():
            self._write("rabbitmq.conf", self._configuration())
            self._write("enabled_plugins", "[].")
            self._write(".erlang.cookie", self._cookie, mode=0o400)
            # Left to the node, it would become a daemon that nobody stops, or be the one another user runs.
            self.launch([mapper, "-port", str(self._mapper_port)], {"ERL_EPMD_ADDRESS": "127.0.0.1"})
            self._mapper = self._process
        folder = str(self.folder)
        self.launch(
            [script],
            {
                "RABBITMQ_NODENAME": self._node,
                "RABBITMQ_DIST_PORT": str(self._distribution_port),
                "ERL_EPMD_PORT": str(self._mapper_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_MNESIA_BASE": f"{folder}/data",
                "RABBITMQ_LOG_BASE": f"{folder}/log",
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
                "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # the package's: it may hold settings of the machine's own node
            },
        )

    def answers(self) -> bool:
        """The listener is up; a node opens it last."""
        return port_is_open(self.port)

    def close(self) -> None:
        """End the node and its port mapper."""
        super().close()
        self._process, self._mapper = self._mapper, None
        super().close()

    def evaluate(self, expression: str) -> str:
        """Run an Erlang expression in the node, for fault tests: `rabbit:stop().`, memory and disk alarms, …"""
        return erlang(self.control, expression)

    def survives_a_crash(self) -> None:
        """Brings the node's list of quorum queues to disk, which it does by itself after a moment: a queue younger than that is lost."""
        self.evaluate("[dets:sync(T) || T <- dets:all()].")

    def _configuration(self) -> str:
        return (
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "default_user = pailou\n"
            f"default_pass = {self._password}\n"
            # The package's floor is 50 MB free; say it, so that a machine with a small /tmp behaves the same.
            "disk_free_limit.absolute = 50MB\n"
        )

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        self.own(path)


def fresh_vhost(server_url: str, control: str) -> str:
    """Create an empty virtual host for the URL's user and return its URL. 30 ms, where rabbitmqctl takes 2 s.

    Without `control` (a server that somebody else runs) the URL itself is returned: give the run an empty virtual host.
    """
    if not control:
        return server_url
    url = urlsplit(server_url)
    name = f"test-{secrets.token_hex(4)}"
    result = erlang(
        control,
        f'rabbit_vhost:add(<<"{name}">>, <<"tests">>), rabbit_auth_backend_internal:set_permissions('
        f'<<"{url.username}">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>).',
    )
    if "ok" not in result:
        raise ServerUnavailable(f"RabbitMQ made no virtual host: {result}")
    return f"{url.scheme}://{url.netloc}/{name}"


def delete_vhost(vhost_url: str, control: str) -> None:
    """Delete what `fresh_vhost` made, with its queues."""
    if control:
        name = urlsplit(vhost_url).path.lstrip("/")
        erlang(control, f'rabbit_vhost:delete(<<"{name}">>, <<"tests">>).')


def erlang(control: str, expression: str) -> str:
    """Evaluate an expression (ended by a full stop) in a node; what it printed, or ServerUnavailable."""
    node, mapper_port, cookie = control.split(":")
    done = subprocess.run(
        [find_program("erl_call"), "-timeout", "60", "-c", cookie, "-n", node, "-e"],
        # As root erl_call would look for a cookie in the home folder even when it is given one.
        env=clean_environment(Path("/nonexistent")) | {"ERL_EPMD_PORT": mapper_port},
        cwd=os.sep,
        input=expression + "\n",  # without it the full stop does not end the expression
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerUnavailable(f"RabbitMQ's node {node} does not answer erl_call: {done.stdout[-500:]}")
    return done.stdout
