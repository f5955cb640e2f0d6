"""Orders of the merchants: searched, read, followed, moved, shipped, cancelled; the owner of the order database."""

__version__ = "0.1.0"
