"""Who may come in, counted over all connections of the process: per address, by free descriptors, by bytes held."""

import ipaddress
import resource
from collections import Counter

from gateway.front.bounds import FrontBounds
from gateway.front.request import Head, Headers
from gateway.known_heads import KnownHeads

_MAX_HEADS = 1024
"""Some SDKs times some hundred lengths."""


class Door:
    """held_bytes: bodies on their way in, of all connections; heads: what all of them have learned."""

    def __init__(self, bounds: FrontBounds) -> None:
        self._bounds = bounds
        self._connections: Counter[str] = Counter()
        self.held_bytes = 0
        self.heads: KnownHeads[Head] = KnownHeads(_MAX_HEADS)
        self._default_headers: object = None
        self._default_head = (b"", False)

    def admits(self, address: str, descriptor: int) -> bool:
        """Whether one more connection from the address is served; `leaves` must follow if so. descriptor: its file number."""
        if self.free_descriptors(descriptor) <= self._bounds.spare_descriptors:
            return False
        if self._connections[address] >= self._bounds.max_connections_per_address and not self._is_trusted(address):
            return False
        self._connections[address] += 1
        return True

    def leaves(self, address: str) -> None:
        """A connection that was admitted has closed."""
        self._connections[address] -= 1
        if self._connections[address] <= 0:
            del self._connections[address]

    def may_linger(self, descriptor: int) -> bool:
        """Whether a refused connection can be kept for a moment."""
        return self.free_descriptors(descriptor) > self._bounds.spare_descriptors // 2

    def default_head(self, headers: Headers) -> tuple[bytes, bool]:
        """The server's headers for all answers, as lines, and whether one of them says close: then it is about to drain."""
        if self._default_headers is not headers:  # a new list every second, with the date
            self._default_headers = headers
            lines = [b"%b: %b\r\n" % header for header in headers if header[0] != b"connection"]
            self._default_head = (b"".join(lines), (b"connection", b"close") in headers)
        return self._default_head

    @staticmethod
    def free_descriptors(latest: int) -> int:
        """About how many the process has left: the system gives the lowest free number, so the latest says how many are in use."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return 2**31 if limit == resource.RLIM_INFINITY else limit - latest - 1

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:  # a Unix socket has no address, and only trusted peers reach it
            return True
        return any(parsed in network for network in self._bounds.trusted_proxies)
