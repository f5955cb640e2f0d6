"""A small mutation fuzzer: seeds of real requests, changed at random for a number of seconds; a find comes with what repeats it.

PAILOU_TEST_FUZZ_S: seconds for all targets together, 30 unless told. PAILOU_TEST_FUZZ_SEED: repeats a run whose seed was printed.
"""

import os
import random
import secrets
import time
from collections.abc import Callable, Sequence

import pytest

ALL_TARGETS_S = float(os.environ.get("PAILOU_TEST_FUZZ_S", "30"))
LONGEST_S = 2.0
"""CPU time of one input; inputs are a few kilobytes, and take far less than a millisecond."""
_LARGEST_BYTES = 8192
_BATCH = 64

TOKENS = (
    b"", b"\0", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"&", b"=", b"%", b"%00", b"%ff", b"%26", b"%3D", b"%zz", b"+", b"\xff", b"\xc0\xaf",
    b"\xed\xa0\x80", "中".encode(), b"--", b"--B", b"--B--", b'"', b"\\", b"\\u", b"\\ud800", b"{", b"}", b"[", b"]", b":", b",", b"null",
    b"1e309", b"-", b"9" * 40, b" ", b"\t", b";", b"name=", b'filename="', b"Content-Disposition: form-data; ", b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n", b"HTTP/1.1", b"GET / HTTP/1.1\r\n", b"0\r\n\r\n", b"5;a=b\r\n", b"-S-",
    b"\r\n-S-\r\n", b"#PUBLIC#", b"N", b"sign=", b"method=", b"<!DOCTYPE", b"]]>", b"${jndi:}", b"\x1b[0m", "\u2028".encode(),
)  # fmt: skip


class Mutator:
    """Makes inputs out of a corpus; what the caller says was interesting may be kept by `keep`."""

    def __init__(self, corpus: Sequence[bytes], chance: random.Random) -> None:
        self._corpus = list(corpus)
        self.chance = chance

    def next(self) -> bytes:
        data = bytearray(self.chance.choice(self._corpus))
        for _ in range(self.chance.choice((0, 1, 1, 2, 3, 6))):
            self._change(data)
        return bytes(data[:_LARGEST_BYTES])

    def _change(self, data: bytearray) -> None:
        chance = self.chance
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice((1, 2, 4, 16, 64)))
        kind = chance.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at:at] = chance.choice(TOKENS)
        elif kind == 2:
            data[at:end] = chance.choice(TOKENS)
        elif kind == 3:
            del data[at:end]
        elif kind == 4:
            data[at:at] = data[at:end] * chance.choice((1, 2, 20))
        elif kind == 5:
            other = chance.choice(self._corpus)
            start = chance.randint(0, len(other))
            data[at:] = other[start:]
        else:
            data[at:at] = chance.randbytes(chance.choice((1, 3, 16)))


def fuzz(corpus: Sequence[bytes], target: Callable[[bytes, random.Random], None], *, seconds: float) -> int:
    """Gives the target mutated inputs until the time is up; returns how many.

    A target that raises, or takes long, fails the test with the seed and the input. It gets a generator of its own, so that what
    it chooses at random repeats with the input.
    """
    seed = int(os.environ.get("PAILOU_TEST_FUZZ_SEED") or secrets.randbits(32))
    mutator = Mutator(corpus, random.Random(seed))
    until = time.monotonic() + seconds
    done = 0
    while done == 0 or time.monotonic() < until:
        for _ in range(_BATCH):
            data = mutator.next()
            choices = mutator.chance.getrandbits(32)
            started = time.process_time()
            try:
                target(data, random.Random(choices))
            except Exception as error:
                pytest.fail(f"PAILOU_TEST_FUZZ_SEED={seed}, input {done}, choices {choices}: {data!r}\n{error!r}")
            took_s = time.process_time() - started
            assert took_s < LONGEST_S, f"PAILOU_TEST_FUZZ_SEED={seed}, input {done} took {took_s:.1f} s: {data!r}"
            done += 1
    return done
