"""One delivery in the indexer's hands: its records, and what became of each of them."""

import time

import msgspec

from openplatform.errors import PlatformUnavailable
from openplatform.log_frames import plain
from openplatform.ports import BatchDelivery
from openplatform.records import CallLog, IndexVerdict

MAX_RECORD_BYTES = 64 * 1024
"""The gateway cuts a request's content at 8 KiB; what is far above that was not written by a gateway."""

_decoder = msgspec.json.Decoder(CallLog)
_encoder = msgspec.json.Encoder()


def decode_lines(message: bytes) -> tuple[list[CallLog], list[tuple[bytes, str]]]:
    """The records of a batch, and (line, reason) of the lines that are none; empty lines are nothing. A message that cannot be
    unpacked is one such line."""
    try:
        body = plain(message)
    except ValueError as error:
        return [], [(message, f"undecodable: {error}")]
    bad: list[tuple[bytes, str]] = []
    lines = body.split(b"\n")
    if max(map(len, lines)) <= MAX_RECORD_BYTES:
        try:  # all of them in one step, as a gateway writes them: half the time of one by one
            return _decoder.decode_lines(body), bad
        except ValueError:
            pass
    records: list[CallLog] = []
    for line in lines:
        if not line:
            continue
        if len(line) > MAX_RECORD_BYTES:
            bad.append((line, f"longer than {MAX_RECORD_BYTES} bytes"))
            continue
        try:
            records.append(_decoder.decode(line))
        except ValueError as error:  # no JSON, another shape, no UTF-8
            bad.append((line, f"undecodable: {error}"))
    return records, bad


class Batch:
    """A delivery that is settled once each of its records is stored, was there already, or lies in the dead letters.

    oldest_ms: receiveTime of its oldest record, None without any; taken_at: monotonic seconds.
    """

    def __init__(self, delivery: BatchDelivery, *, taken_at: float | None = None) -> None:
        self.delivery = delivery
        self.records, self._dead = decode_lines(delivery.body)
        self.oldest_ms = min((record.receiveTime for record in self.records), default=None)
        self.taken_at = time.monotonic() if taken_at is None else taken_at
        self._open = len(self.records)

    def judged(self, record: CallLog, verdict: IndexVerdict) -> None:
        """Notes what became of one record; `retry` leaves it open."""
        if verdict.outcome == "retry":
            return
        self._open -= 1
        if verdict.outcome == "refused":
            record.createTime = 0  # as it was sent: it may be sent again
            self._dead.append((_encoder.encode(record), verdict.reason))

    @property
    def dead(self) -> int:
        """How many of its lines are dead letters so far, and not put there yet."""
        return len(self._dead)

    @property
    def is_done(self) -> bool:
        """Nothing is open: it can be settled."""
        return self._open == 0

    async def give_up(self, reason: str) -> None:
        """All of it into the dead letters, and the ack. Raises PlatformUnavailable."""
        await self.delivery.reject(reason)

    async def settle(self) -> None:
        """Dead letters first, confirmed, then the ack. Raises PlatformUnavailable: then it is not settled."""
        while self._dead:
            line, reason = self._dead[-1]
            await self.delivery.dead_letter(line, reason)
            self._dead.pop()
        await self.delivery.ack()

    async def give_back(self) -> None:
        """To the queue again; of a lost connection it is there already."""
        try:
            await self.delivery.requeue()
        except PlatformUnavailable:
            return
