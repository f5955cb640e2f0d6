"""Settings of order_service."""

import pytest

from openplatform.errors import SettingsError
from order_service.settings import OrderSettings

NEEDED = {
    "PAILOU_ORDER_DATABASE_URL": "mysql+asyncmy://u:p@db/orders",
    "PAILOU_INTERNAL_KEYS": "an-internal-key-of-24-ch",
    "PAILOU_REDIS_URL": "redis://cache:6379/0",
}


def test_what_has_a_default_need_not_be_set() -> None:
    """Loopback, the platform's port, the platform's zone."""
    settings = OrderSettings.from_env(NEEDED)
    assert (settings.host, settings.port, settings.advertise_host) == ("127.0.0.1", 8013, "127.0.0.1")
    assert settings.time_zone.key == "Asia/Shanghai"
    assert settings.warehouse_addresses == ()


def test_everything_can_be_set() -> None:
    """Each by its variable."""
    settings = OrderSettings.from_env(
        NEEDED
        | {
            "PAILOU_REDIS_URL": "redis://cache:6379/1",
            "PAILOU_TIME_ZONE": "Europe/Berlin",
            "PAILOU_ORDERS_HOST": "0.0.0.0",
            "PAILOU_ORDERS_PORT": "9013",
            "PAILOU_ADVERTISE_HOST": "orders-1",
            "PAILOU_WAREHOUSE_ADDRESSES": "w1:8014, w2:8014",
            "PAILOU_ORDERS_SWEEP_EVERY_S": "0.5",
        }
    )
    assert (settings.redis_url, settings.time_zone.key) == ("redis://cache:6379/1", "Europe/Berlin")
    assert (settings.host, settings.port, settings.advertise_host) == ("0.0.0.0", 9013, "orders-1")
    assert (settings.warehouse_addresses, settings.sweep_every_s) == (("w1:8014", "w2:8014"), 0.5)


def test_all_mistakes_are_told_at_once() -> None:
    """One line per variable; nothing starts."""
    with pytest.raises(SettingsError) as wrong:
        OrderSettings.from_env({"PAILOU_ORDER_DATABASE_URL": "postgres://x", "PAILOU_ORDERS_PORT": "0"})
    for name in ("PAILOU_ORDER_DATABASE_URL", "PAILOU_INTERNAL_KEYS", "PAILOU_ORDERS_PORT"):
        assert name in str(wrong.value)


def test_secrets_do_not_show_in_the_settings_text() -> None:
    """A logged settings object gives away neither keys nor database passwords."""
    text = repr(OrderSettings.from_env(NEEDED))
    assert NEEDED["PAILOU_INTERNAL_KEYS"] not in text
    assert NEEDED["PAILOU_ORDER_DATABASE_URL"] not in text
