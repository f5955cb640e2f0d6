"""Heads of requests that were parsed before: an SDK says the same one, but for the length, call after call.

Parsing a head costs ten callbacks out of C; recognising it, one look-up. Only requests that came whole in one read, on a
connection that stays open, are learned, each from the strict parser's own reading: recognising accepts nothing it would refuse.
"""

from gateway.front.request import Request

_MAX_HEADS = 1024
"""Some SDKs times some hundred lengths; past it, all are forgotten and learned anew."""
_MAX_HEAD_BYTES = 1024


class KnownHeads:
    """What is learned on one connection holds for all with the same bounds: a head alone decides how a request is read."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Request, int]] = {}

    def recognise(self, data: bytes) -> Request | None:
        """The request, if data is all of it and begins with a known head."""
        body_at = data.find(b"\r\n\r\n") + 4
        known = self._known.get(data[:body_at])
        if known is None:
            return None
        first, body_bytes = known
        if len(data) - body_at != body_bytes:
            return None
        return Request(first.method, first.path, first.query, "1.1", first.headers.copy(), data[body_at:], True)

    def learn(self, data: bytes, request: Request, body_bytes: int) -> None:
        """data: one read that the parser has found to be exactly this request, given here without its body."""
        body_at = data.find(b"\r\n\r\n") + 4
        # The lengths differ after empty lines before the request, and for a body in chunks.
        if len(data) - body_at != body_bytes or body_at > _MAX_HEAD_BYTES:
            return
        if len(self._known) >= _MAX_HEADS:
            self._known.clear()
        self._known[data[:body_at]] = (request, body_bytes)
