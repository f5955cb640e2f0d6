"""Running instances of services, as they register themselves."""

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


class ProcessReport(Record, frozen=True, kw_only=True):
    """What a process says of itself with each beat: where calls cannot reach one process of many on a port. node: its name; figures:
    by name, numbers, words, or words by name."""

    node: str
    version: str
    started_at_ms: int
    figures: dict[str, int | float | str | dict[str, str]]
