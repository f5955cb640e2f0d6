"""`pailou logs export`: a stream of any length into a file, which has its name only once it is whole."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import typer

from openplatform.errors import SettingsError
from pailou.logs.asked import Asked
from pailou.platform import Platform, PlatformRefused
from pailou.progress import working
from pailou.terminal import talk

PART_DONE = 4
_TOTAL = "X-Total-Count"


class Export:
    """output: the file at last; until then its lines are in `output.part`. form: csv or ndjson."""

    def __init__(self, output: Path, form: str) -> None:
        self._output = output
        self._part = output.with_name(output.name + ".part")
        self._form = form
        self._resumes = False
        self._known: set[str] = set()

    def rest_of(self, wanted: Asked) -> Asked:
        """What is still missing of an export that broke off: records come newest first, so it is what is older than the last line.

        Raises SettingsError when there is nothing to go on with.
        """
        if not self._part.exists():
            raise SettingsError(f"{self._part} is not there: nothing to resume; run the export without --resume")
        last_ms, whole = None, 0
        with self._part.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # cut in the middle
                record = json.loads(line)
                if record["receiveTime"] != last_ms:
                    last_ms = record["receiveTime"]
                    self._known.clear()
                self._known.add(record["requestId"])
                whole += len(line)
        with self._part.open("r+b") as part:
            part.truncate(whole)
        self._resumes = True
        return wanted if last_ms is None else replace(wanted, to_ms=min(wanted.to_ms, last_ms + 1))

    def run(self, platform: Platform, wanted: Asked, *, quiet: bool) -> None:
        """Writes the file. What breaks off ends the command with status 4 or 130 and says how to go on."""
        try:
            with platform.stream("/logs/export", wanted.params(format=self._form)) as (headers, chunks):
                total = int(headers.get(_TOTAL, "0"))
                with (
                    self._part.open("ab" if self._resumes else "wb") as part,
                    working("exported", total, quiet=quiet) as work,
                ):
                    for lines in self._lines(chunks):
                        part.write(lines)
                        work.advance(lines.count(b"\n"))
        except PlatformRefused as error:
            if not self._part.exists():
                raise
            talk.print(f"{error}. {self._how_to_go_on()}", markup=False, style="red")
            raise typer.Exit(PART_DONE) from None
        except KeyboardInterrupt:
            talk.print(self._how_to_go_on(), markup=False)
            raise
        self._part.replace(self._output)
        talk.print(f"{self._output}: {work.done:,} lines", markup=False)

    def _lines(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Whole lines only, without those that are there already."""
        rest = b""
        for chunk in chunks:
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            lines = whole + newline
            if self._known and lines:
                lines = b"".join(line for line in lines.splitlines(keepends=True) if not self._is_known(line))
            if lines:
                yield lines
        if rest:
            yield rest

    def _is_known(self, line: bytes) -> bool:
        return json.loads(line)["requestId"] in self._known

    def _how_to_go_on(self) -> str:
        if self._form == "csv":
            return f"What came until then is in {self._part}; a CSV export cannot be resumed."
        command = " ".join(argument for argument in sys.argv[1:] if argument != "--resume")
        return f"What came until then is in {self._part}. Go on with: pailou {command} --resume"
