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

        self._charges = Counter("pailou_charges", "Charges taken from the queue", ["result"], registry=self.registry)
        self._overdrawn = Counter(
            "pailou_balances_overdrawn", "Times that a charge brought a balance below zero", registry=self.registry
        )
        self._reservations = Counter(
            "pailou_reservations_ended", "Reservations that no gateway ended", ["result"], registry=self.registry
        )

    def count_charges(self, result: Literal["booked", "duplicate", "dead"], count: int = 1) -> None:
        """So many charges were booked, were booked already, or went to the dead letters."""
        self._charges.labels(result).inc(count)

    def count_overdrawn(self) -> None:
        """A balance went below zero."""
        self._overdrawn.inc()

    def count_reservations(self, result: Literal["expired", "recovered"], count: int) -> None:
        """So many were given back because their time was over, or booked because their charge never came."""
        self._reservations.labels(result).inc(count)

    def count_login(self, result: Literal["succeeded", "failed", "refused"]) -> None:
        """An attempt has ended; refused = while locked."""
        self._logins.labels(result).inc()

    def note_relay(self, *, version: int, is_cut_off: bool) -> None:
        """How far the relay is."""
        self._config_version.set(version)
        self._cut_off.set(is_cut_off)
