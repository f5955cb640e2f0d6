"""The environment: one reader, and one file that names every variable."""

import ast
import base64
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from openplatform.errors import SettingsError
from pailou.services import SERVICES, Service
from tests.architecture.tree import ROOT, nodes_of, python_files

READER = Path("openplatform/env.py")
EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))

# Variables that only commands read, not a service's settings.
COMMANDS = {
    "PAILOU_APP_KEY", "PAILOU_APP_SECRET",  # pailou sign
    "PAILOU_DRAIN_S",  # pailou serve
    "PAILOU_VAR_DIR",  # pailou dev
    "PAILOU_ADMIN_URL", "PAILOU_ADMIN_TOKEN",  # pailou routes
}  # fmt: skip

REQUIRED = {
    "PAILOU_INTERNAL_KEYS": "0123456789abcdef",
    "PAILOU_MASTER_KEYS": "k1:" + "A" * 43 + "=",
    "PAILOU_MAILER_URL": "smtps://127.0.0.1:465",
    "PAILOU_MAIL_FROM": "alarm@pailou.example",
    "PAILOU_ALERT_RECIPIENTS": "ops@pailou.example",
    "PAILOU_REDIS_URL": "redis://127.0.0.1",
    "PAILOU_RABBITMQ_URL": "amqp://127.0.0.1",
    "PAILOU_ELASTICSEARCH_URL": "http://127.0.0.1:9200",
    "PAILOU_ADMIN_DATABASE_URL": "mysql+asyncmy://127.0.0.1/admin",
    "PAILOU_ORDER_DATABASE_URL": "mysql+asyncmy://127.0.0.1/order",
    "PAILOU_WAREHOUSE_DATABASE_URL": "mysql+asyncmy://127.0.0.1/warehouse",
    "PAILOU_MONITOR_DATABASE_URL": "mysql+asyncmy://127.0.0.1/monitor",
}


class Recording(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def settings(service: Service, environ: Mapping[str, str]) -> object:
    """The service's settings read from this environment."""
    return getattr(importlib.import_module(f"{service.package}.settings"), service.settings).from_env(environ)


def asked_by(service: Service) -> set[str]:
    """The variables that the service's settings ask for, those that depend on another included."""
    asked: set[str] = set()
    for known in (REQUIRED, REQUIRED | {"PAILOU_ADMIN_EMAIL": "a@b.example", "PAILOU_ADMIN_PASSWORD": "x"}):
        environ = Recording(known)
        settings(service, environ)
        asked |= environ.asked
    return {name for name in asked if not name.endswith("_FILE")}


def test_the_environment_has_one_reader() -> None:
    """Only openplatform/env.py looks at os.environ; everything else gets settings."""
    found = [
        f"{path}:{node.lineno}"
        for path in python_files()
        if path != READER
        for node in nodes_of(path)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb", "putenv"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any("env" in a.name for a in node.names))
    ]
    assert found == []


def test_the_example_names_every_variable() -> None:
    """.env.example has one line for each variable that a service or a command reads, and none that nobody reads."""
    read = set().union(*(asked_by(service) for service in SERVICES.values())) | COMMANDS
    assert {name for name in EXAMPLE if name.startswith("PAILOU_")} == read


def test_commands_read_what_is_said_of_them() -> None:
    """The variables that only commands read are those that pailou/ asks Env for."""
    asked = {
        f"PAILOU_{node.args[0].value!s}"
        for path in python_files("pailou")
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "env"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    by_services = set().union(*(asked_by(service) for service in SERVICES.values()))
    assert asked - by_services == COMMANDS


@pytest.mark.parametrize("name", SERVICES)
def test_the_example_shows_the_defaults(name: str) -> None:
    """A line of .env.example with a value shows the default, unless the variable has none."""
    service = SERVICES[name]
    shown = {variable: value for variable, value in EXAMPLE.items() if value and variable not in REQUIRED}
    assert settings(service, REQUIRED | shown) == settings(service, REQUIRED)


@pytest.mark.parametrize("name", SERVICES)
def test_every_mistake_is_reported_at_once(name: str) -> None:
    """A service without any setting names all that it needs, and shows no value of a secret."""
    with pytest.raises(SettingsError) as caught:
        settings(SERVICES[name], {})
    for variable in asked_by(SERVICES[name]) & REQUIRED.keys():
        assert f"{variable} is not set" in str(caught.value)


@pytest.mark.parametrize("name", SERVICES)
def test_settings_show_no_secret(name: str) -> None:
    """Settings that end up in a log or a traceback hold no key, password or URL with one in it."""
    passwords = {name: re.sub("://(?=[^/])", "://user:hidden@", url) for name, url in REQUIRED.items()}
    secrets = {
        "PAILOU_INTERNAL_KEYS": "hidden-internal-key",
        "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(b"hidden-key-of-32-bytes-hidden-ke").decode(),
        "PAILOU_ADMIN_EMAIL": "a@b.example",
        "PAILOU_ADMIN_PASSWORD": "hidden-password",
    }
    assert "hidden" not in repr(settings(SERVICES[name], passwords | secrets))
