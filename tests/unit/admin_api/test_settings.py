"""Settings of admin_api: from variables, all mistakes at once, secrets never shown."""

import base64
from zoneinfo import ZoneInfo

import pytest

from admin_api.settings import AdminSettings
from openplatform.errors import SettingsError

KEY = base64.b64encode(bytes(32)).decode()
ENVIRON = {
    "PAILOU_ADMIN_DATABASE_URL": "sqlite+aiosqlite:////var/admin.db",
    "PAILOU_REDIS_URL": "redis://127.0.0.1/0",
    "PAILOU_RABBITMQ_URL": "amqp://127.0.0.1/",
    "PAILOU_INTERNAL_KEYS": "an internal key of ours",
    "PAILOU_MASTER_KEYS": f"k1:{KEY}",
}


def test_four_variables_are_enough() -> None:
    """Everything else has a default: loopback, port 8001, China's zone, no first administrator."""
    settings = AdminSettings.from_env(ENVIRON)
    assert (settings.host, settings.port, settings.time_zone) == ("127.0.0.1", 8001, ZoneInfo("Asia/Shanghai"))
    assert (settings.first_email, settings.is_behind_tls, settings.indexer_addresses) == ("", False, ())


def test_the_first_administrator_needs_an_address_and_a_password() -> None:
    """An address alone is a mistake; a password without an address is not read."""
    named = ENVIRON | {"PAILOU_ADMIN_EMAIL": "root@pailou.example"}
    with pytest.raises(SettingsError, match="PAILOU_ADMIN_PASSWORD is not set"):
        AdminSettings.from_env(named)
    settings = AdminSettings.from_env(named | {"PAILOU_ADMIN_PASSWORD": "a first password"})
    assert (settings.first_email, settings.first_password) == ("root@pailou.example", "a first password")
    assert AdminSettings.from_env(ENVIRON | {"PAILOU_ADMIN_PASSWORD": "x"}).first_password == ""


def test_every_mistake_is_named_at_once() -> None:
    """One line per variable."""
    broken = {
        "PAILOU_ADMIN_DATABASE_URL": "postgres://x",
        "PAILOU_MASTER_KEYS": "k1:short",
        "PAILOU_ADMIN_PORT": "80000",
        "PAILOU_ADMIN_EMAIL": "nobody",
        "PAILOU_ADMIN_PASSWORD": "a secret password",
        "PAILOU_TRUSTED_PROXIES": "everybody",
    }
    with pytest.raises(SettingsError) as caught:
        AdminSettings.from_env(broken)
    named = {line.split(":")[0].strip().split(" ")[0] for line in str(caught.value).splitlines()[1:]}
    assert named == set(broken) - {"PAILOU_ADMIN_PASSWORD"} | {
        "PAILOU_REDIS_URL",
        "PAILOU_RABBITMQ_URL",
        "PAILOU_INTERNAL_KEYS",
    }
    assert "a secret password" not in str(caught.value)


def test_secrets_do_not_show() -> None:
    """A settings object can be printed."""
    shown = repr(
        AdminSettings.from_env(ENVIRON | {"PAILOU_ADMIN_EMAIL": "a@b.example", "PAILOU_ADMIN_PASSWORD": "hidden one"})
    )
    assert "hidden one" not in shown
    assert "an internal key of ours" not in shown
    assert "k1" not in shown
