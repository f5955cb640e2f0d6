"""Whose address a request carries: the peer's, or what a trusted proxy says about it; and networks that addresses lie in."""

import ipaddress
from collections.abc import Iterable

from openplatform.env import Network

PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(cidr)
    for cidr in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""Loopback, and the private networks of RFC 1918 and RFC 4193."""
_MAX_FORWARDED_CHARS = 1024
_MAPPED_BITS = 96
"""An IPv4 address inside IPv6 stands in the last 32 of 128 bits: ::ffff:10.0.0.5."""


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


def parse_network(text: str) -> Network:
    """A network in CIDR form, or one address. IPv4 written as IPv6 (::ffff:10.0.0.0/104) is IPv4.

    Raises ValueError, which says what to write, for anything else and for bits set beyond the prefix.
    """
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError("must be an address or a network such as 203.0.113.7, 10.0.0.0/8, 2001:db8::/32") from None
        raise ValueError(f"has bits set beyond its prefix: write {meant}, or the one address without /") from None
    if "%" in text:
        raise ValueError("must not name a zone: addresses with % mean something on one machine only")
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def lies_in(text: str, networks: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks; IPv4 written as IPv6 counts as IPv4. False for what is no address."""
    address = parse_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address is not None and any(address in network for network in networks)
