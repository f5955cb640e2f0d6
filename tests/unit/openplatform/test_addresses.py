"""Whose address a request carries."""

import ipaddress

import pytest

from openplatform.addresses import caller_address

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),  # a stranger's header is not believed
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),  # what stands left of the first stranger is made up
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 10.0.0.7", "10.0.0.7"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("unix", "1.2.3.4", "unix"),
        ("10.0.0.1", "1.2.3.4," * 10_000, "10.0.0.1"),
    ],
)
def test_caller_address(peer: str, forwarded: str, address: str) -> None:
    """X-Forwarded-For counts only behind trusted proxies, from the right, up to the first stranger."""
    assert caller_address(peer, forwarded, TRUSTED) == address
