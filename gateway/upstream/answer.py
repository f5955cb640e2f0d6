"""What a service answered, and the bounds within which it may."""

from dataclasses import dataclass

Said = tuple[int, bytes, bytes]
"""What the head of an answer says: status, content type, content encoding."""


class UpstreamAnswer:
    """A whole HTTP answer of a service.

    status: 200..599; body: as it came, content codings not undone; content_type, content_encoding: header values, b"" when
    absent; attempts: how many times the call was sent.
    """

    __slots__ = ("attempts", "body", "content_encoding", "content_type", "status")

    def __init__(
        self, status: int, body: bytes, content_type: bytes = b"", content_encoding: bytes = b"", attempts: int = 1
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.content_encoding = content_encoding
        self.attempts = attempts

    def __repr__(self) -> str:
        return f"UpstreamAnswer(status={self.status}, body={len(self.body)} bytes, attempts={self.attempts})"


@dataclass(frozen=True, slots=True)
class UpstreamBounds:
    """How much of the process a service may take. The defaults suit services on the same network."""

    max_connections: int = 512
    """Per address, kept and busy ones together; the call that would need one more fails at once."""
    idle_s: float = 4.0
    """A kept connection is closed after this; below the 5 s after which uvicorn closes it, or calls would meet that moment."""
    connect_timeout_s: float = 1.0
    """A SYN is repeated after 1 s: waiting longer would only hide an instance that is gone."""
    max_head_bytes: int = 32 * 1024
    """Status line and headers together; what nginx and Node allow is less."""
    max_answer_bytes: int = 8 * 1024 * 1024
    """Of a whole answer on the wire; answers are held in memory."""
