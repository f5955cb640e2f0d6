"""The command line with a sampler in it: `python -m benchmarks.profiled FILE serve gateway` writes stacks when it ends.

It begins when START comes. From then on a signal stops the program as often as the kernel's clock ticks (mostly 250 times a
second of CPU time), and the stack of Python frames is counted. C code counts for the line that called it. The file holds
collapsed stacks, `module:function:line;… count`, as flame graph tools read them.
"""

import atexit
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

START = signal.SIGUSR2
_EVERY_S = 0.001
_ROOT = str(Path(__file__).parent.parent) + "/"


class Sampler:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._stacks: Counter[tuple[tuple[str, str, int], ...]] = Counter()

    def wait_for_start(self) -> None:
        signal.signal(START, self._start)
        signal.signal(signal.SIGPROF, self._sample)
        atexit.register(self._write)

    def _start(self, number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def _sample(self, number: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            stack.append((frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno))
            frame = frame.f_back
        self._stacks[tuple(stack)] += 1

    def _write(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = []
        for stack, count in self._stacks.items():
            frames = [f"{_short(file)}:{function}:{line}" for file, function, line in reversed(stack)]
            lines.append(f"{';'.join(frames)} {count}")
        self._path.write_text("\n".join(lines) + "\n")


def _short(file: str) -> str:
    return file.removeprefix(_ROOT).rpartition("site-packages/")[2]


def main() -> None:
    path = Path(sys.argv.pop(1))
    from pailou.cli import main as run

    Sampler(path).wait_for_start()
    run()


if __name__ == "__main__":
    main()
