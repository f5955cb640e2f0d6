"""Whose address a request carries."""

import ipaddress

import pytest

from openplatform.addresses import caller_address, lies_in, parse_network

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


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.5", "10.0.0.5/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
    ],
)
def test_a_network_has_one_form(text: str, network: str) -> None:
    """However it is written: one address, a prefix, a mask, upper case, IPv4 inside IPv6."""
    assert str(parse_network(text)) == network


@pytest.mark.parametrize(
    "text", ["", "x", "10.0.0.0/33", "10.0.0.5/8", "10.0.0", "fe80::1%eth0", "10.0.0.0/8,::1", "1"]
)
def test_what_is_no_network_says_what_to_write(text: str) -> None:
    """Bits beyond the prefix too: `10.0.0.5/8` may have meant one address or all of them."""
    with pytest.raises(ValueError, match=r"must|write"):
        parse_network(text)


def test_an_address_lies_in_networks_of_its_family() -> None:
    """IPv4 inside IPv6 counts as IPv4; what is no address lies in none."""
    networks = [parse_network("10.0.0.0/8"), parse_network("::1")]
    inside = ("10.1.2.3", "::ffff:10.1.2.3", "::1", "0:0:0:0:0:0:0:1")
    assert all(lies_in(text, networks) for text in inside)
    assert not any(lies_in(text, networks) for text in ("11.0.0.1", "::2", "", "unix", "10.1.2.3 ", "::10.1.2.3"))
