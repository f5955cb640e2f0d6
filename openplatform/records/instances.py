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
