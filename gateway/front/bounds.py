"""What the gateway's door lets in: every bound on bytes, counts and time that holds before a request can be understood."""

from dataclasses import dataclass

from openplatform.env import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontBounds:
    """Bounds of one process's door. Past them a caller gets a bare status and a closed connection."""

    max_url_bytes: int = 8 * 1024
    """414. What other front servers allow, and ample for calls whose parameters stand in the query."""
    max_head_bytes: int = 32 * 1024
    """431. Names and values of all headers with their separators."""
    max_headers: int = 100
    """431."""
    max_body_bytes: int = 10 * 1024 * 1024
    """413. The protocol's bound."""
    head_timeout_s: float = 10.0
    """From a request's first byte to the end of its head, however its bytes are spread."""
    body_timeout_s: float = 15.0
    """From the end of the head to the end of the body: the protocol's time to send a request."""
    idle_timeout_s: float = 75.0
    """Between requests, and before the first; what nginx has, so that callers' pools last."""
    max_connections_per_address: int = 200
    """503. Trusted proxies, which stand for many callers, are exempt."""
    trusted_proxies: tuple[Network, ...] = ()
    max_pipelined: int = 256
    """Requests of one connection that wait for their turn; one read can bring thousands of tiny ones."""
    max_held_bytes: int = 256 * 1024 * 1024
    """503. Bodies on their way in, of all connections together: many callers at the body's bound at once."""
    max_chunk_overhead_bytes: int = 1024 * 1024
    """400. Chunk heads, extensions and trailers of one body; room for a body of 10 MiB in chunks of 64 bytes."""
    spare_descriptors: int = 32
    """503 when fewer are left in the process: stores and services need some."""
    linger_s: float = 2.0
    """How long a refused caller's bytes are read and dropped, so that the status reaches it before a reset does."""
