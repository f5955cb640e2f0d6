"""Memory of processes that do the same all day: what they have freed is needed again at once, what they hold stays for good."""

import ctypes
import gc
import logging
import sys
from collections.abc import Iterator

log = logging.getLogger(__name__)

_MADV_COLLAPSE = 25
"""Linux 6.1 and later, whatever /sys/kernel/mm/transparent_hugepage says; older ones refuse it."""
_HUGE_BYTES = 2 * 1024 * 1024
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
KEPT_BYTES = 32 * 1024 * 1024
"""Freed memory that stays in the process."""
LARGEST_BYTES = 8 * 1024 * 1024
"""What is larger than this goes back to the kernel as soon as it is freed."""


def keep_freed_memory() -> None:
    """Tells glibc not to give freed memory back at once; other C libraries are left alone.

    Batches of some 100 KB come and go all day. By itself glibc gives the top of its heap back after each of them, and every page
    of the next one is a fault: 1.3 µs each in a virtual machine, 0.4 µs for each call log of a batch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGEST_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def spare_the_collector() -> None:
    """What a started process holds lives as long as it does: the cyclic collector need not walk it again and again.

    Calls leave next to no cycles, so the youngest generation may grow; measured: a tenth less CPU per call, p99 halved.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def use_huge_pages() -> int:
    """Asks the kernel to keep what this process holds now in pages of 2 MiB; bytes that are. 0 where it cannot, or may not.

    A call touches a few objects among hundreds of MiB of catalogue, and each lies in another page, whose address the processor has
    to look up, twice in a virtual machine. Measured: 3 % less CPU per call with a small catalogue, 9 % with 100,000 apps.
    """
    if sys.platform != "linux":
        return 0
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    try:
        with open("/proc/self/maps") as maps:
            starts = [at for line in maps for at in _huge_starts(line)]
    except OSError as error:
        log.debug("no huge pages: %s", error)
        return 0
    done = [at for at in starts if madvise(at, _HUGE_BYTES, _MADV_COLLAPSE) == 0]
    return len(done) * _HUGE_BYTES


def _huge_starts(line: str) -> Iterator[int]:
    """Where huge pages would lie in one line's range, if that is the process's own memory and no file's."""
    span, permissions, _, _, inode, *name = line.split()
    if inode != "0" or not permissions.startswith("rw") or name not in ([], ["[heap]"]):
        return
    start, end = (int(part, 16) for part in span.split("-"))
    yield from range(-(-start // _HUGE_BYTES) * _HUGE_BYTES, end - _HUGE_BYTES + 1, _HUGE_BYTES)
