"""Operators' work with the monitor: asked through its internal API, audited here."""
