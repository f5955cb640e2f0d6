"""What became of every call: what its caller was told, how often the service saw it, how many records it left."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

GOOD = 0
BUSY = 10
"""The platform's word for a fault of its own: try again later."""
IDENTITY_CODES = frozenset((25, 26, 27, 28, 29))
"""What a caller must never hear because a store is down: that it, its app, its session or its signature is wrong."""


@dataclass
class Entry:
    """One call. code: 0 = a good answer, else TOP's error code, None = no answer; failure: why there is none (`reset`, `refused`,
    `timeout`, or the bare HTTP status); sent_at, answered_at: monotonic seconds; answer: the body of an error."""

    n: str
    method: str
    app_key: str
    phase: str
    sent_at: float
    answered_at: float = 0.0
    code: int | None = None
    sub_code: str = ""
    failure: str = ""
    request_id: str = ""
    answer: bytes = b""

    @property
    def took_s(self) -> float:
        return self.answered_at - self.sent_at


@dataclass
class Verdict:
    """lost: calls whose caller never got an answer; doubled: ids that the service saw more often than it may; lost_logs: answered
    calls without a record; duplicate_logs: records that came twice on the wire (the indexer drops those)."""

    lost: int
    doubled: list[str]
    lost_logs: int
    duplicate_logs: int


@dataclass
class Ledger:
    """Joins callers, service and records of one row. seen: id → times that the service saw it; venders: id → vender it came for;
    logs: request id → records."""

    entries: dict[str, Entry] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    venders: dict[str, str] = field(default_factory=dict)
    logs: Counter[str] = field(default_factory=Counter)

    def calls(self, *phases: str, method: str = "") -> list[Entry]:
        """Calls sent in these phases (all without any), of one API or of all."""
        return [
            e for e in self.entries.values() if (not phases or e.phase in phases) and (not method or e.method == method)
        ]

    def codes(self, *phases: str, method: str = "") -> Counter[str]:
        """How calls ended: `0`, `10`, `15:isp.remote-service-timeout`, `reset`, …"""
        return Counter(
            e.failure or (f"{e.code}:{e.sub_code}" if e.sub_code else str(e.code))
            for e in self.calls(*phases, method=method)
        )

    def check(self, *, most_seen: int | Callable[[Entry], int] = 2) -> Verdict:
        """Joins the three. most_seen: how often the service may see one id: 2 where a call may be repeated, else 1."""
        allowed = most_seen if callable(most_seen) else lambda _: most_seen
        known = self.entries
        return Verdict(
            lost=sum(e.failure in ("reset", "timeout", "refused") for e in known.values()),
            doubled=[n for n, times in self.seen.items() if n in known and times > allowed(known[n])],
            lost_logs=sum(not self.logs[e.request_id] for e in known.values() if e.request_id),
            duplicate_logs=sum(count - 1 for count in self.logs.values() if count > 1),
        )

    def admitted(self, method: str = "") -> int:
        """Calls with a good answer."""
        return sum(e.code == GOOD for e in self.calls(method=method))

    def recovery_s(self, since: float, is_bad: Callable[[Entry], bool]) -> float:
        """Seconds from a moment until the last bad answer after it; 0 when there was none."""
        return max(
            (e.answered_at - since for e in self.entries.values() if e.answered_at > since and is_bad(e)), default=0.0
        )


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` of the values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def latency_ms(entries: Iterable[Entry], share: float = 0.99) -> float:
    """p99, or another, of answered calls."""
    return round(percentile((e.took_s * 1000 for e in entries if not e.failure), share), 1)


def now() -> float:
    """The ledger's clock."""
    return time.monotonic()
