"""Free loopback ports for servers that tests start."""

import random
import socket

# Below Linux's range for outgoing connections (32768-60999): a port from that range could be taken by any client in the
# moment between our look and the server's bind.
FIRST, LAST = 18_000, 32_000
BLOCK = 50

_left: list[int] = []
_holds: list[int] = []  # descriptors: open until the process ends


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on, never the same twice, in this process or another that runs now."""
    while True:
        if not _left:
            _left.extend(_block())
        port = _left.pop()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _block() -> range:
    """Ports that only this process hands out: it holds the UDP port of the first one's number, which nobody else wants."""
    while True:
        first = random.randrange(FIRST, LAST, BLOCK)
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        _holds.append(claim.detach())
        return range(first, first + BLOCK)
