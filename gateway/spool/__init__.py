"""Call logs on their way to the broker: on disk before the answer leaves, until the broker has them."""

from gateway.spool.spool import LogSpool

__all__ = ["LogSpool"]
