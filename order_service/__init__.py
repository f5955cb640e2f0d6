"""Orders of the merchants: searched, read, cancelled; the owner of the order database."""

__version__ = "0.1.0"
