"""What all services share: the wire protocol, records, ports and their adapters. Knows no service."""

__version__ = "0.1.0"
