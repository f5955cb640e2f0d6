"""How long a fault row's load lasts: seconds in `make test`, a minute in `make faults`."""

import os
from dataclasses import dataclass

LOAD_S = "PAILOU_FAULTS_LOAD_S"
"""The variable that `make faults` sets to 60: a third before the fault, a third with it, a third after it."""
REPORT = "PAILOU_FAULTS_REPORT"
"""The variable with the file that figures are appended to, one JSON object a row; without it they are only printed."""
RATE = 200.0
CONCURRENCY = 50
LATE_S = 5.0
"""How much later than its deadline a busy machine may let a call end; a service that takes its time takes ten seconds."""


@dataclass(frozen=True)
class Times:
    """Seconds of load before, during and after the fault. deadline_ms: the APIs' timeout, so that a hung service costs a row
    several of them and not most of its time."""

    before_s: float
    fault_s: float
    after_s: float
    deadline_ms: int
    is_full: bool

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.before_s + self.fault_s + self.after_s


def times() -> Times:
    """As the environment says; without it short ones."""
    total_s = float(os.environ.get(LOAD_S) or 0)
    if total_s:
        is_full = total_s >= 30  # below it a deadline of 3 s would leave no time for what follows it
        return Times(total_s / 3, total_s / 3, total_s / 3, 3000 if is_full else 1000, is_full)
    return Times(1.0, 3.0, 1.5, 1000, False)
