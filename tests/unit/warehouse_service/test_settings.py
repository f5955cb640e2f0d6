"""Settings of warehouse_service."""

import pytest

from openplatform.errors import SettingsError
from warehouse_service.settings import WarehouseSettings

NEEDED = {
    "PAILOU_WAREHOUSE_DATABASE_URL": "sqlite+aiosqlite:///var/warehouse.db",
    "PAILOU_INTERNAL_KEYS": "an-internal-key-of-24-ch",
    "PAILOU_REDIS_URL": "redis://cache:6379/0",
}


def test_what_has_a_default_need_not_be_set() -> None:
    """Loopback, the platform's port, the platform's zone."""
    settings = WarehouseSettings.from_env(NEEDED)
    assert (settings.host, settings.port, settings.advertise_host) == ("127.0.0.1", 8014, "127.0.0.1")
    assert settings.time_zone.key == "Asia/Shanghai"


def test_all_mistakes_are_told_at_once() -> None:
    """One line per variable; nothing starts."""
    with pytest.raises(SettingsError) as wrong:
        WarehouseSettings.from_env({"PAILOU_WAREHOUSE_PORT": "70000", "PAILOU_TIME_ZONE": "Mars"})
    for name in ("PAILOU_WAREHOUSE_DATABASE_URL", "PAILOU_INTERNAL_KEYS", "PAILOU_WAREHOUSE_PORT", "PAILOU_TIME_ZONE"):
        assert name in str(wrong.value)


def test_secrets_do_not_show_in_the_settings_text() -> None:
    """A logged settings object gives away neither keys nor database passwords."""
    text = repr(WarehouseSettings.from_env(NEEDED))
    assert NEEDED["PAILOU_INTERNAL_KEYS"] not in text
    assert NEEDED["PAILOU_WAREHOUSE_DATABASE_URL"] not in text
