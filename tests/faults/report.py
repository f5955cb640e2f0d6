"""One line of figures for each row that has run: printed, and appended to the file that `make faults` reads."""

import json
import os
from datetime import UTC, datetime

from tests.faults.times import REPORT, times


def report(row: str, **figures: object) -> None:
    """row: its id, as `R1`; figures: what was measured, by what it is, in the order of the table."""
    line = {
        "row": row,
        "date": datetime.now(UTC).date().isoformat(),
        "load_s": round(times().total_s),
        "figures": figures,
    }
    print(f"{row}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    if path := os.environ.get(REPORT):
        with open(path, "a") as out:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
