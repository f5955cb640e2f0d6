"""Whose address a request carries: the peer's, or what a trusted proxy says about it."""

import ipaddress
from collections.abc import Iterable

from openplatform.env import Network

_MAX_FORWARDED_CHARS = 1024


def caller_address(peer: str, forwarded: str, trusted: Iterable[Network]) -> str:
    """The caller's address: X-Forwarded-For counts only behind trusted proxies, from the right, up to the first stranger."""
    networks = tuple(trusted)
    address = parse_address(peer)
    if address is None or not any(address in network for network in networks):
        return peer
    for hop in reversed(forwarded[-_MAX_FORWARDED_CHARS:].split(",")):
        found = parse_address(hop.strip())
        if found is None:
            break
        address = found
        if not any(address in network for network in networks):
            break
    return str(address)


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address, None for any other text."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
