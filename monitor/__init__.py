"""Watches the call logs: rules, alerts and the mails about them, in a database of its own."""

__version__ = "0.1.0"
