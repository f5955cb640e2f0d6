"""Running instances of services, as they register themselves."""

from typing import Any, Literal

from openplatform.records.record import Record


class Instance(Record, frozen=True, kw_only=True):
    """A running instance of a service, as it registered itself. started_at_ms: epoch ms, for growing to its weight slowly."""

    service_id: str
    host: str
    port: int
    weight: int = 100
    zone: str = ""
    version: str = ""
    started_at_ms: int = 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class BreakerReason(Record, frozen=True, kw_only=True):
    """Why a breaker opened. cause: `calls` (of so many calls so many failed and were slow), `probe-failed`, `probes-slow` (so many
    of so many that tried it again), "" = it never did."""

    cause: Literal["", "calls", "probe-failed", "probes-slow"] = ""
    calls: int = 0
    failed: int = 0
    slow: int = 0

    def __str__(self) -> str:
        words = {
            "": "",
            "calls": f"{self.failed} of {self.calls} calls failed, {self.slow} were slow",
            "probe-failed": "a probe failed",
            "probes-slow": f"{self.slow} of {self.calls} probes were slow",
        }
        return words[self.cause]


class ProcessReport(Record, frozen=True, kw_only=True):
    """What a process says of itself with each beat: where calls cannot reach one process of many on a port. node: its name; figures:
    by name, numbers, words, or objects by name."""

    node: str
    version: str
    started_at_ms: int
    figures: dict[str, int | float | str | dict[str, Any]]
