"""The indexer's settings: what it cannot start without, and all mistakes at once."""

import pytest

from log_indexer.settings import IndexerSettings
from openplatform.errors import SettingsError

GOOD = {
    "PAILOU_RABBITMQ_URL": "amqp://user:password@mq/logs",
    "PAILOU_ELASTICSEARCH_URL": "http://es:9200",
    "PAILOU_INTERNAL_KEYS": "0123456789abcdef",
    "PAILOU_REDIS_URL": "redis://cache:6379/0",
}


def test_defaults() -> None:
    """30 days, port 8011 on loopback."""
    settings = IndexerSettings.from_env(GOOD)
    assert (settings.log_retention_days, settings.host, settings.port) == (30, "127.0.0.1", 8011)
    assert settings.advertise_host == "127.0.0.1"


def test_every_mistake_is_named() -> None:
    """One line per variable that is missing or wrong."""
    environ = {
        "PAILOU_RABBITMQ_URL": "redis://x",
        "PAILOU_LOG_RETENTION_DAYS": "0",
        "PAILOU_INDEXER_PORT": "x",
        "PAILOU_REDIS_URL": "http://x",
    }
    with pytest.raises(SettingsError) as refusal:
        IndexerSettings.from_env(environ)
    names = ("RABBITMQ_URL", "ELASTICSEARCH_URL", "INTERNAL_KEYS", "LOG_RETENTION_DAYS", "INDEXER_PORT", "REDIS_URL")
    assert all(f"PAILOU_{name}" in str(refusal.value) for name in names)
