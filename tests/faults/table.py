"""The rows in order, and the table of docs/reliability.md that `make faults` fills with what it measured."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGINS, ENDS = "<!-- figures: written by make faults -->", "<!-- end of figures -->"

ROWS: Mapping[str, tuple[str, str]] = {
    "R1": ("Redis killed with -9", "calls go on within local limits; nobody is called a stranger; used again within 2 s"),
    "R2": ("Redis hangs (SIGSTOP)", "as R1; a call waits 50 ms at most, then none"),
    "R3": ("Redis answers 200 ms late", "as R1; descriptors at most doubled"),
    "R4": ("Redis comes back empty", "nobody is unknown; limits wait for the day's saved counters; all there within 5 s"),
    "R5": ("Redis without scripts, memory, a writable master, or its data yet", "script loaded once more; else busy (10); overshoot 0"),
    "R6": ("Redis' answer lost after the script ran", "not repeated: counted as spent; overshoot 0"),
    "U1": ("service refuses connections", "error 15, soon without asking; other APIs untouched; back within two pauses of the breaker"),
    "U2": ("service takes 10 s", "error 15 at the API's deadline; the breaker opens"),
    "U3": ("service says nothing more", "as U2; descriptors come back"),
    "U4": ("service answers rubbish", "error 15, nothing of it leaks, other APIs untouched"),
    "U5": ("answer of 1 GB, gzip bomb", "error 15; memory of a process grows by less than 64 MB"),
    "U6": ("service answers byte by byte", "error 15 at the API's deadline"),
    "U7": ("service redirects to the metadata address, or to us", "error 15; no connection is made there"),
    "U8": ("service fails 4 of 5 calls", "its breaker opens within 25 calls of a process"),
    "U9": ("connection reset after a write was sent", "never repeated; error 15, remote-result-unknown"),
    "U10": ("every call of a service fails", "the service sees at most 1.2 times the calls, each write once"),
    "U11": ("one of two instances of a service killed", "no idempotent call fails"),
    "G1": ("gateway process killed with -9", "only calls in flight there are lost; replaced in 2 s; nothing counted is forgotten"),
    "G2": ("gateway process hangs (SIGSTOP)", "replaced within 10 s; other processes' calls untouched"),
    "G3": ("rolling restart by SIGHUP or SIGTERM", "no call fails, no record is lost"),
    "G4": ("gateway process without descriptors or memory", "503, or one replacement; itself again 5 s later"),
    "G5": ("5,000 slowloris and idle connections", "heads that drip are cut at 10 s; every good call is served"),
    "C1": ("gateway's clock an hour ahead, behind", "limits exact by Redis' clock; not ready, skew shown"),
    "C2": ("midnight in a zone with daylight saving", "each day its own limit, sum and ranking, once"),
    "C3": ("Redis' clock goes back 90 s", "no limit opens twice, nobody with calls left is blocked"),
    "Q1": ("RabbitMQ killed with -9", "calls go on, records wait on disk, come out at twice the inflow; no document lacks or is double"),
    "Q2": ("RabbitMQ confirms 2 s late", "calls are as fast as before; memory of a process grows by less than 64 MB; documents as Q1"),
    "Q3": ("RabbitMQ's disk or memory alarm", "calls go on; what times out is sent again; documents as Q1"),
    "Q4": ("binding, then queue deleted", "noticed and said within 30 s, declared anew, sent again; documents as Q1"),
    "Q5": ("RabbitMQ restarts with a backlog", "documents as Q1"),
    "D1": ("disk of the spool full, RabbitMQ away", "calls go on; /readyz and /metrics say so; lost records are exactly those counted"),
    "M1": ("MySQL killed with -9", "calls go on; admin_api is read-only, changes get 503; itself again within 5 s, without a restart"),
    "M2": ("MySQL hangs (SIGSTOP)", "503 at a deadline of 3 s, then at once, and reading as M1; the pool is what it was within 10 s"),
    "M3": ("admin_api killed between MySQL's commit and Redis", "in Redis within 10 s of the next start; never there without MySQL"),
    "M4": ("the answer to a commit is lost", "told as unknown; sent again under its key: no row twice, money once"),
    "D2": ("MySQL has no room left on its disk", "writes get 503, lists go on, calls do not notice; writes again without a restart"),
    "P1": ("poison in the catalogue: bad JSON, foreign version, a URL, a secret of another key", "change refused whole, calls go on"),
    "P2": ("wrong master key at start", "no start: exit 78 and one line that says why"),
    "P3": ("secret rotated under load", "old and new both good while both live: no error of signature"),
    "Q6": ("poison in the log queue: bad JSON, 2 MB, a wrong type", "dead letters with reasons after one delivery; their mates indexed"),
    "Q7": ("indexer cannot store for longer than the broker waits", "batches given back in time; lost 0, documents twice 0"),
    "E1": ("Elasticsearch refuses connections", "the queue holds, search says busy, a monitor is blind in a minute; lost 0; catches up"),
    "E2": ("some shards away: 503 for some records", "only these are sent again; lost 0, documents twice 0"),
    "E3": ("the mapping refuses k of n records", "k dead letters with the reason, the rest indexed; indexed by a replay once mended"),
    "E4": ("429 for requests, for records", "asked less and less often; lost 0"),
    "E5": ("disk at its flood stage: indices read-only", "as E4, and an alarm of its own within 60 s; lost 0"),
    "E6": ("stored, and the reply lost", "found there when sent again; documents twice 0"),
    "E7": ("413: a bulk is too large", "halves, down to single records; lost 0"),
    "E8": ("redelivery across midnight UTC", "the index of the day of receipt; documents twice 0 over all indices"),
    "I1": ("indexer killed with -9 twenty times", "lost 0, documents twice 0"),
    "I2": ("one of two indexers killed", "the other catches up within 30 s; lost 0, documents twice 0"),
    "S1": ("two monitors", "each window judged by one of them, each mail written and sent once"),
    "S2": ("leading monitor killed with -9", "the other judges its window 35 s later at most; no window missed, no mail twice"),
    "S3": ("leading monitor stopped for twice the lock's life", "the other goes on; the sleeper wakes and writes nothing"),
    "S4": ("Redis down at the tick", "judged without a lock: no mail twice, no window late by more than a tick"),
    "T1": ("mail server refuses, says later, hangs", "mails are tried again after 1, 2, 4, … 15 min; none lost, windows judged in time"),
    "T2": ("mail server refuses one address for good", "the others get their mails; the address is marked"),
    "T3": ("monitor killed between the mail server's 250 and its commit", "at most two copies, under one Message-ID"),
}  # fmt: skip
"""Row id → the fault, the promise."""


def figures_of(report: Path) -> dict[str, str]:
    """Row id → its measured cells, from the lines that the rows wrote."""
    figures: dict[str, dict[str, object]] = {}
    rest = {}
    for line in report.read_text().splitlines():
        ran = json.loads(line)
        figures.setdefault(ran["row"], {}).update(ran["figures"])  # a row may have several tests
        rest[ran["row"]] = f"{ran['load_s']} s | {ran['date']} |"
    cells = {}
    for row, measured in figures.items():
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in measured.items())
        cells[row] = f"{said} | {rest[row]}"
    return cells


def filled(page: str, measured: Mapping[str, str]) -> str:
    """The page with these rows' cells; rows that did not run keep theirs."""
    head, _, rest = page.partition(BEGINS)
    old, _, tail = rest.partition(ENDS)
    known = {found[1]: found[2] for found in re.finditer(r"^\| (\w+) \|[^|]*\|[^|]*\| (.*)$", old, re.MULTILINE)}
    lines = ["", "| row | fault | promise | measured | load | date |", "|---|---|---|---|---|---|"]
    for row, (fault, promise) in ROWS.items():
        lines.append(f"| {row} | {fault} | {promise} | {measured.get(row) or known.get(row) or 'not yet | | |'}")
    return head + BEGINS + "\n".join(lines) + "\n" + ENDS + tail
