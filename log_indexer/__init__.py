"""Call logs from the queue into the store, and out of it again: indexing, search, statistics, retention."""

__version__ = "0.1.0"
