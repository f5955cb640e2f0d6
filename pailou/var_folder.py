"""The all-in-one's folder: where everything lies that outlives the process, and the secrets that it made for itself."""

import base64
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from openplatform.errors import SettingsError

ADMIN_EMAIL = "admin@pailou.example"


class LocalSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Made once per folder.

    internal_key: between gateway and services; master_key: base64 of 32 bytes, seals app secrets; demo_app_secret, demo_session:
    of the demo's first app, kept here since the database holds them sealed and hashed.
    """

    internal_key: str
    master_key: str
    admin_password: str
    demo_app_secret: str
    demo_session: str


class VarFolder:
    """Paths inside the folder, `var/` where the command runs unless PAILOU_VAR_DIR names another one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.databases = path / "db"
        self.redis_snapshot = path / "redis.snapshot"
        self.call_logs = path / "call-logs.sqlite3"
        self.outbox = path / "outbox"
        self.secrets = path / "secrets.json"
        self.demo = path / "demo.json"
        self.demo_made = path / "demo-made"
        self._lock = path / "lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and keeps other all-in-one processes out of it. Raises SettingsError when one is there already."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # databases hold personal data
            lock = self._lock.open("w")
        except OSError as error:
            raise SettingsError(f"{self.path} cannot be used: {error}. Choose another: set PAILOU_VAR_DIR") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsError(
                    f"{self.path} is in use: another `pailou dev` runs there. Stop it, or set PAILOU_VAR_DIR"
                ) from None
            yield

    def reset(self) -> None:
        """Deletes what earlier runs left, and nothing that is not theirs."""
        for folder in (self.databases, self.outbox):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.redis_snapshot, self.secrets, self.demo, self.demo_made):
            file.unlink(missing_ok=True)
        for file in self.path.glob(f"{self.call_logs.name}*"):
            file.unlink()

    def database_url(self, name: str) -> str:
        return f"sqlite+aiosqlite:///{(self.databases / f'{name}.sqlite3').absolute()}"

    def load_secrets(self) -> LocalSecrets:
        """The folder's secrets, made at the first start. Raises SettingsError when the file cannot be read."""
        if not self.secrets.exists():
            made = LocalSecrets(
                internal_key=secrets.token_urlsafe(24),
                master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
                admin_password=secrets.token_urlsafe(12),
                demo_app_secret=secrets.token_hex(16),
                demo_session=secrets.token_urlsafe(32),
            )
            write_private(self.secrets, msgspec.json.format(msgspec.json.encode(made), indent=2))
        try:
            return msgspec.json.decode(self.secrets.read_bytes(), type=LocalSecrets)
        except msgspec.DecodeError as error:
            raise SettingsError(f"{self.secrets} cannot be read ({error}): `pailou dev --reset` begins anew") from error


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content + b"\n")
    fresh.replace(path)
