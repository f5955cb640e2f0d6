"""Processes whose wall clock is wrong, by libfaketime; their monotonic clock goes on as it is."""

from pathlib import Path

from tests.servers import Redis, ServerUnavailable
from tests.servers.process import INSTALL_HINT


def faked(offset_s: float | None = None, *, file: Path | None = None) -> dict[str, str]:
    """The environment of a process whose clock is that much ahead, or as much as the file says from moment to moment."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries:
        raise ServerUnavailable(f"libfaketime is not installed: {INSTALL_HINT}")
    # libc before jemalloc, which Debian's Redis is linked to: that asks for the time before libfaketime can tell it.
    environ = {
        "LD_PRELOAD": f"{libraries[0]}:libc.so.6",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    if file is not None:
        return {**environ, "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"}
    return {**environ, "FAKETIME": f"{offset_s:+.0f}"}


class FakedRedis(Redis):
    """A Redis whose host's clock is ahead by what `turn` said last, before the start or while it runs."""

    @property
    def clock(self) -> Path:
        """The file that tells its clock; other processes may follow it too."""
        return self.folder.parent / "redis-clock"

    def turn(self, offset_s: float) -> None:
        """Sets its clock to ours plus the offset, from now on."""
        self.clock.write_text(f"{offset_s:+.0f}\n")
        self.clock.chmod(0o644)

    def launch(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        super().launch(command, {**faked(file=self.clock), **(environment or {})})
