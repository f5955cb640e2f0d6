"""The monitor's settings: complete, or refused with every mistake at once."""

import pytest

from monitor.settings import MonitorSettings
from openplatform.errors import SettingsError

GOOD = {
    "PAILOU_MONITOR_DATABASE_URL": "sqlite+aiosqlite:///var/monitor.db",
    "PAILOU_REDIS_URL": "redis://127.0.0.1:6379/0",
    "PAILOU_INTERNAL_KEYS": "0123456789abcdef",
    "PAILOU_MAILER_URL": "smtp+starttls://me:hidden@mail.example:587",
    "PAILOU_MAIL_FROM": "Pailou <alerts@pailou.example>",
    "PAILOU_ALERT_RECIPIENTS": "ops@pailou.example, boss@pailou.example",
}


def test_what_must_be_said_is_enough() -> None:
    """The rest has defaults: one second, five minutes, one call."""
    settings = MonitorSettings.from_env(GOOD)
    assert settings.alert_recipients == ("ops@pailou.example", "boss@pailou.example")
    assert (settings.alert_threshold_ms, settings.alert_window_s, settings.alert_min_calls) == (1000, 300, 1)
    assert settings.mail_domain == "pailou.example"
    assert settings.time_zone.key == "Asia/Shanghai"
    assert settings.port == 8012


def test_all_mistakes_are_named_together() -> None:
    """Nothing set: every variable without a default is in one message."""
    with pytest.raises(SettingsError) as refusal:
        MonitorSettings.from_env({})
    assert all(name in str(refusal.value) for name in GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "A <a@b.c>\r\nBcc: d@e.f"),
        ("ALERT_RECIPIENTS", "ops@pailou.example,nobody"),
        ("ALERT_RECIPIENTS", " , "),
        ("MAILER_URL", "ftp://x"),
        ("CONSOLE_URL", "javascript:alert(1)"),
        ("CONSOLE_URL", 'https://x"><b>'),
        ("INDEXER_ADDRESSES", "http://host:1/"),
        ("ALERT_WINDOW_S", "0"),
        ("ALERT_MIN_CALLS", "0"),
        ("ALERT_THRESHOLD_MS", "-1"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    """Before anything is opened."""
    with pytest.raises(SettingsError, match=f"PAILOU_{name}"):
        MonitorSettings.from_env({**GOOD, f"PAILOU_{name}": value})


def test_secrets_do_not_show_in_the_settings_text() -> None:
    """A traceback or a debug line may print them."""
    text = repr(MonitorSettings.from_env(GOOD))
    assert "hidden" not in text
    assert "0123456789abcdef" not in text
