"""Heads of HTTP messages that were parsed before: an SDK, and a service, say the same one thousands of times.

Parsing a head costs five to ten callbacks out of C; recognising it, one look-up. Only messages that came whole in one read, on a
connection that stays open, are learned, each from the strict parser's own reading: recognising accepts nothing it would refuse.
"""

from typing import Generic, TypeVar

T = TypeVar("T")

_MAX_HEAD_BYTES = 1024


class KnownHeads(Generic[T]):
    """What was read out of each head, by the head's bytes. most: heads kept; past it all are forgotten and learned anew."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[bytes, tuple[T, int]] = {}

    def recognise(self, data: bytes) -> tuple[T, bytes] | None:
        """What its head says, and the body: if data is all of a message and begins with a known head."""
        body_at = data.find(b"\r\n\r\n") + 4
        known = self._known.get(data[:body_at])
        if known is None or len(data) - body_at != known[1]:
            return None
        return known[0], data[body_at:]

    def learn(self, data: bytes, said: T, body_bytes: int) -> None:
        """data: one read that the parser has found to be exactly this message. body_bytes: as the head says, -1 = it does not."""
        body_at = data.find(b"\r\n\r\n") + 4
        # The lengths differ after empty lines or interim answers before the message, for chunks, and where there is no body.
        if len(data) - body_at != body_bytes or body_at > _MAX_HEAD_BYTES:
            return
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[data[:body_at]] = (said, body_bytes)
