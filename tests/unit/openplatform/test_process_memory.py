"""A process that asks for huge pages, and keeps what it frees, is the same process: it knows what it knew."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = """
from pathlib import Path
from openplatform.process_memory import keep_freed_memory, spare_the_collector, use_huge_pages
keep_freed_memory()
known = {n: (str(n), bytes(n % 300)) for n in range(200_000)}
spare_the_collector()
huge = use_huge_pages()
assert all(known[n] == (str(n), bytes(n % 300)) for n in range(200_000))
print(huge, Path("/proc/self/smaps_rollup").read_text() if Path("/proc/self/smaps_rollup").exists() else "")
"""


def test_memory_is_moved_and_stays_the_same() -> None:
    """Where the kernel moves it, it says so in the process's own books; where it does not, nothing is claimed and nothing breaks."""
    root = Path(__file__).parent.parent.parent.parent
    ended = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True)
    huge = int(ended.stdout.split()[0])
    in_books = re.search(r"AnonHugePages: +(\d+) kB", ended.stdout)
    assert huge % 2**21 == 0
    if huge:
        assert in_books is not None
        assert int(in_books[1]) * 1024 >= huge // 2  # some may have been split again
