"""A batch of charges as it comes from the queue: what can be booked, and what never can."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from openplatform.records import Charge

MAX_PRICE_FEN = 1_000_000_000
"""Far above any price of one call: what asks for more was not written by a gateway."""
MAX_REQUEST_ID = 64
"""Characters: the ledger's reference holds 100."""
_MAX_CUSTOMER = 2**31 - 1

_decoder = msgspec.json.Decoder(Charge)


@dataclass(frozen=True, slots=True)
class ChargeBatch:
    """charges: to be booked; dead: (line, reason) of lines that are none."""

    charges: tuple[Charge, ...]
    dead: tuple[tuple[bytes, str], ...]


def read_batch(body: bytes) -> ChargeBatch:
    """The charges of an NDJSON batch."""
    charges: list[Charge] = []
    dead: list[tuple[bytes, str]] = []
    for line in body.split(b"\n"):
        if not line:
            continue
        try:
            charge = _decoder.decode(line)
        except ValueError as error:  # no JSON, another shape, no UTF-8
            dead.append((line, f"undecodable: {error}"))
            continue
        if (reason := _fault_of(charge)) is not None:
            dead.append((line, reason))
        else:
            charges.append(charge)
    return ChargeBatch(tuple(charges), tuple(dead))


def line_of(charge: Charge) -> bytes:
    """The charge as it came."""
    return msgspec.json.encode(charge)


def by_customer(charges: Sequence[Charge]) -> dict[int, list[str]]:
    """The request ids of each customer."""
    found: dict[int, list[str]] = {}
    for charge in charges:
        found.setdefault(charge.customer_id, []).append(charge.request_id)
    return found


def _fault_of(charge: Charge) -> str | None:
    if not 0 < charge.price_fen <= MAX_PRICE_FEN:
        return f"a price of {charge.price_fen} fen"
    if not 0 < charge.customer_id <= _MAX_CUSTOMER:
        return f"no customer can have the id {charge.customer_id}"
    if not (0 < len(charge.request_id) <= MAX_REQUEST_ID and charge.request_id.isascii()):
        return "no request id"
    return None
