"""`make faults`: every row with a minute of load, then the table, printed and written into docs/reliability.md."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.table import PAGE, ROWS, figures_of, filled
from tests.faults.times import LOAD_S, REPORT

_HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Runs pytest with the arguments after its folder; its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "figures.jsonl"
        report.touch()
        environment = {LOAD_S: "60", **os.environ, REPORT: str(report)}
        # By name: pytest leaves at_length out of whatever folder it is given.
        files = [str(path) for folder in (_HERE, _HERE / "at_length") for path in sorted(folder.glob("test_*.py"))]
        command = [sys.executable, "-m", "pytest", "-v", "--timeout=1800", *files, *arguments]
        status = subprocess.run(command, env=environment, check=False).returncode
        measured = figures_of(report)
    for row, (fault, _) in ROWS.items():
        if row in measured:
            print(f"{row:4}{fault}: {measured[row].partition(' | ')[0]}")
    PAGE.write_text(filled(PAGE.read_text(), measured))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
