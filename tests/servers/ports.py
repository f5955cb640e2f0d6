"""Free loopback ports for servers that tests start."""

import random
import socket

# Below Linux's range for outgoing connections (32768-60999): a port from that range could be taken by any client in the
# moment between our look and the server's bind.
FIRST, LAST = 18_000, 32_000

_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on, never the same twice in one process."""
    while True:
        port = random.randrange(FIRST, LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
