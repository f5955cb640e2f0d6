"""Heads of answers that were parsed before: a service says the same one thousands of times a second.

Parsing a head costs five callbacks out of C; recognising it, one look-up. Only whole answers with a length on a connection
that stays open are learned, each from the strict parser's own reading, so that recognising accepts nothing it would refuse.
"""

from gateway.upstream.answer import UpstreamAnswer

_MAX_HEADS = 512
"""Bodies of some hundred lengths, times one date a second; past it, all are forgotten and learned anew."""
_MAX_HEAD_BYTES = 1024


class KnownHeads:
    """Of one address."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[int, int, bytes, bytes]] = {}

    def recognise(self, data: bytes) -> UpstreamAnswer | None:
        """The answer, if data is all of it and begins with a known head."""
        body_at = data.find(b"\r\n\r\n") + 4
        known = self._known.get(data[:body_at])
        if known is None:
            return None
        status, length, content_type, encoding = known
        if len(data) - body_at != length:
            return None
        return UpstreamAnswer(status, data[body_at:], content_type, encoding)

    def learn(self, data: bytes, status: int, length: int, content_type: bytes, encoding: bytes) -> None:
        """data: a whole answer that the parser has read. length: as its head says, -1 = it does not."""
        body_at = data.find(b"\r\n\r\n") + 4
        # The lengths differ after interim answers, whose empty line is not the end of the head, and for answers without a body.
        if len(data) - body_at != length or body_at > _MAX_HEAD_BYTES:
            return
        if len(self._known) >= _MAX_HEADS:
            self._known.clear()
        self._known[data[:body_at]] = (status, length, content_type, encoding)
