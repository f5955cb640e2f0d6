"""Which addresses the gateway connects to: the directory is not believed blindly, nor is the name service.

Whoever can write to the directory, or answer for a name, shall not make the gateway's calls, which carry the internal key, go to a
cloud's metadata address, to a store of ours, or out of the house. So it is asked anew at each connect, for each address that a
name stands for, and the connection is made to the very address that was looked at.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from gateway.settings import GatewaySettings
from openplatform.addresses import PRIVATE_NETWORKS
from openplatform.env import Network

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to the addresses, as text, that the host stands for; raises OSError when it stands for none."""

_NEVER = tuple(
    ipaddress.ip_network(cidr)
    for cidr in (
        "0.0.0.0/8", "::/128",  # unspecified: the host itself
        "169.254.0.0/16", "fe80::/10",  # link-local, where most clouds answer for their metadata
        "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128",  # and the others
        "224.0.0.0/4", "ff00::/8", "240.0.0.0/4",  # multicast, reserved, broadcast
    )
)  # fmt: skip
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")
_STORE_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """As the machine resolves names."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def store_ports(urls: Collection[str]) -> frozenset[int]:
    """The ports of our own stores, by their URLs; a URL without a port has its scheme's, or none that is known."""
    ports = set()
    for url in urls:
        parts = urlsplit(url)
        with suppress(ValueError):  # no port at all: whoever opens the store says so
            ports.add(parts.port or _STORE_PORTS.get(parts.scheme, 0))
    return frozenset(ports - {0})


class DialRules:
    """networks: where services may be; by_service: service_id → networks that count in their place; closed_ports: where nobody's
    service is, at any address."""

    def __init__(
        self,
        networks: Sequence[Network] = PRIVATE_NETWORKS,
        *,
        by_service: Mapping[str, Sequence[Network]] | None = None,
        closed_ports: Collection[int] = (),
        resolve: Resolver = system_resolver,
    ) -> None:
        self._networks = tuple(networks)
        self._by_service = dict(by_service or {})
        self._closed_ports = frozenset(closed_ports)
        self._resolve = resolve

    def permit(self, service_id: str, address: str, port: int) -> bool:
        """Whether a numeric address may be dialled for the service. What is no address may not."""
        try:
            ip = _plain(ipaddress.ip_address(address))
        except ValueError:
            return False
        if port in self._closed_ports or any(ip in network for network in _NEVER):
            return False
        return any(ip in network for network in self._by_service.get(service_id, self._networks))

    async def addresses(self, service_id: str, host: str, port: int) -> list[str]:
        """The permitted addresses that the host stands for now; raises OSError when the name is unknown."""
        found = [host] if is_numeric(host) else await self._resolve(host, port)
        return [address for address in found if self.permit(service_id, address, port)]


def dial_rules(settings: GatewaySettings) -> DialRules:
    """As the settings have them; the ports of this process's own stores come from their URLs."""
    return DialRules(
        settings.service_networks,
        by_service=settings.networks_of_services,
        closed_ports={*settings.store_ports, *store_ports((settings.redis_url, settings.rabbitmq_url))},
    )


def is_numeric(host: str) -> bool:
    """Whether it is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _plain(ip: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 address wraps, or the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _EMBEDDING:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
