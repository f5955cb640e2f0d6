"""How one of our own processes asks the gateway how long each stage of a call took: a header that no caller can make.

The header is signed with the internal key over the very request and a moment: it is no use for another request, nor a minute later.
"""

import hashlib
import hmac
from collections.abc import Sequence

ASKING_HEADER = "x-pailou-time-stages"
ANSWER_HEADER = "x-pailou-stage-micros"
"""`ValidateParams=12.5,IdentifyApp=1.0,…`: stages in the order they ran in, microseconds."""

GOOD_FOR_S = 60
"""The clocks of admin_api and the gateways are kept within 30 s of each other."""


def ask(internal_key: str, query: bytes, body: bytes, *, now: float) -> str:
    """The header's value for this request; now: epoch seconds."""
    moment = str(int(now))
    return f"{moment}.{_proof(internal_key, moment, query, body)}"


def is_asked(internal_keys: Sequence[str], value: bytes, query: bytes, body: bytes, *, now: float) -> bool:
    """True if the header was made for this request by somebody who holds one of the keys, less than a minute ago."""
    moment, _, proof = value.decode("latin-1").partition(".")
    if not (moment.isdecimal() and moment.isascii() and len(moment) <= 12 and abs(now - int(moment)) <= GOOD_FOR_S):
        return False
    given = proof.encode("latin-1")
    return any(hmac.compare_digest(_proof(key, moment, query, body).encode(), given) for key in internal_keys)


def shown(stamps: Sequence[tuple[str, float]]) -> str:
    """The answer header's value."""
    return ",".join(f"{stage}={micros:.1f}" for stage, micros in stamps)


def read(value: str) -> list[tuple[str, float]]:
    """The stages of an answer header. Raises ValueError for one that is none."""
    parts = (part.partition("=") for part in value.split(",") if part)
    return [(stage, float(micros)) for stage, _, micros in parts]


def _proof(key: str, moment: str, query: bytes, body: bytes) -> str:
    request = hashlib.sha256(query + b"\n" + body).hexdigest()
    return hmac.new(key.encode(), f"stage times|{moment}|{request}".encode(), "sha256").hexdigest()
