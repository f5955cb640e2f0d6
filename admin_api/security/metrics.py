"""What admin_api counts for Prometheus."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge


class AdminMetrics:
    """One per process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._logins = Counter(
            "pailou_admin_logins", "Attempts to sign in or to confirm by password", ["result"], registry=self.registry
        )
        self._config_version = Gauge(
            "pailou_config_version", "The newest change of configuration that is in Redis", registry=self.registry
        )
        self._cut_off = Gauge(
            "pailou_config_relay_cut_off", "1 while changes cannot reach the gateways", registry=self.registry
        )

    def count_login(self, result: Literal["succeeded", "failed", "refused"]) -> None:
        """An attempt has ended; refused = while locked."""
        self._logins.labels(result).inc()

    def note_relay(self, *, version: int, is_cut_off: bool) -> None:
        """How far the relay is."""
        self._config_version.set(version)
        self._cut_off.set(is_cut_off)
