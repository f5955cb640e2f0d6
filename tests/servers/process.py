"""One server process of a test run: started as an unprivileged user, awaited, stopped by its own pid only."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tests.servers.freezing import freeze
from tests.servers.keeper import Keeper

READY_DEADLINE_S = 120.0  # a loaded two-core machine needs a quarter of it for the slowest, Elasticsearch
INSTALL_HINT = "run scripts/install-test-servers (as root it installs what is missing, else it says what to install)"


class ServerUnavailable(Exception):
    """A server the tests need cannot be had; the message says why and what to do."""


class Server(ABC):
    """A server that `start()` brings up in `folder` and that answers at `url` after `wait_ready()`.

    Fault tests may `stop()`, `kill()`, `pause()` and `resume()` it and `start()` it again: port and data stay.
    """

    name: str  # also the folder's name
    user: str  # who runs it when the tests run as root
    url: str  # set by the constructor

    def __init__(self, folder: Path, keeper: Keeper) -> None:
        self.folder = folder / self.name
        self.log_file = self.folder / "output.log"
        self._keeper = keeper
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def spawn(self) -> None:
        """Prepare the folder if it is the first start, and launch the process with `self.launch`."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does its job now; may raise OSError while it is not up."""

    def start(self) -> None:
        """Start it and wait until it answers. ServerUnavailable with the end of its log when it does not."""
        self.spawn()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return when it answers; ServerUnavailable when it ended or took longer than READY_DEADLINE_S."""
        deadline = time.monotonic() + READY_DEADLINE_S
        while True:
            process = self._process  # None once another thread has stopped it
            if process is None or process.poll() is not None:
                code = process.returncode if process else "none"
                raise ServerUnavailable(f"{self.name} ended while starting, exit code {code}.\n{self.log_end()}")
            try:
                if self.answers():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"{self.name} did not answer in {READY_DEADLINE_S:.0f} s.\n{self.log_end()}")
            time.sleep(0.05)

    def launch(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Run `command` in the server's folder, output to its log, in a process group of its own (Ctrl-C is ours)."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=clean_environment(self.folder) | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.credentials(),
            )
        self._keeper.watch(self._process.pid)

    def run(self, command: list[str], environment: dict[str, str] | None = None, stdin: str = "") -> str:
        """Run a command of the server's to its end as its user; its output, or ServerUnavailable with it."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=clean_environment(self.folder) | (environment or {}),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self.credentials(),
        )
        if done.returncode != 0:
            raise ServerUnavailable(f"{command[0]} failed, exit code {done.returncode}.\n{done.stdout[-2000:]}")
        return done.stdout

    def make_folder(self) -> bool:
        """Create the server's folder, owned by its user. False when an earlier start has made it."""
        if self.folder.exists():
            return False
        self.folder.mkdir(mode=0o755)
        self.own(self.folder)
        return True

    def own(self, path: Path) -> None:
        """Give `path` to the server's user; nothing to do when we are that user."""
        if credentials := self.credentials():
            os.chown(path, credentials["user"], credentials["group"])

    def credentials(self) -> dict[str, int]:
        """`user` and `group` for Popen: the server's own when we are root (most servers refuse root), else nothing."""
        if os.geteuid() != 0:
            return {}
        try:
            entry = pwd.getpwnam(self.user)
        except KeyError:
            raise ServerUnavailable(f"no user {self.user!r} to run {self.name} as: {INSTALL_HINT}") from None
        return {"user": entry.pw_uid, "group": entry.pw_gid}

    @property
    def pid(self) -> int:
        """The pid of the process started, which leads its process group."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait for it."""
        self._end(signal.SIGTERM, patience_s=30)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL, patience_s=30)

    def close(self) -> None:
        """The end of the run: nothing has to be kept."""
        self.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing is answered."""
        freeze(self.pid, group=True)

    def resume(self) -> None:
        """Let a paused server go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals, patience_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._keeper.forget(process.pid)

    def log_end(self) -> str:
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return f"The end of its output:\n{text[-3000:]}" if text else "It printed nothing."


def find_program(*names: str) -> str:
    """The path of the first of `names` that is installed; ServerUnavailable when none is."""
    for name in names:
        if found := shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"):
            return found
    raise ServerUnavailable(f"{names[0]} is not installed: {INSTALL_HINT}")


def clean_environment(home: Path) -> dict[str, str]:
    """What a server sees of the environment: enough to run, nothing of the developer's settings for such servers."""
    kept = {name: os.environ[name] for name in ("PATH", "TZ", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **kept, "HOME": str(home), "LANG": "C.UTF-8"}


def port_is_open(port: int) -> bool:
    """Whether something accepts connections at 127.0.0.1:`port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
