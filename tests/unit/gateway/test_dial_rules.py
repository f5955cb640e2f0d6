"""Which addresses may be dialled for a service, by default and by settings; what never may be."""

import ipaddress

import pytest

from gateway.settings import GatewaySettings
from gateway.upstream import DialRules, store_ports
from openplatform.errors import SettingsError

EVERYWHERE = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_loopback_and_private_networks_are_where_services_are(address: str) -> None:
    """Without any setting."""
    assert DialRules().permit("svc", address, 80)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "localhost", "", "10.0.0.1.5", "0x7f000001"]
)
def test_the_world_outside_is_not_dialled(address: str) -> None:
    """Nor is what only looks like an address."""
    assert not DialRules().permit("svc", address, 80)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200",
        "168.63.129.16", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1",
        "::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    ],
)  # fmt: skip
def test_some_addresses_are_never_dialled(address: str) -> None:
    """Metadata, link-local, multicast, unspecified, in whatever clothes, also when everything is allowed."""
    assert not DialRules(EVERYWHERE).permit("svc", address, 80)
    assert not DialRules(by_service={"svc": EVERYWHERE}).permit("svc", address, 80)


def test_a_service_may_have_networks_of_its_own() -> None:
    """They count in place of the general ones, for that service alone."""
    rules = DialRules(by_service={"orders": [ipaddress.ip_network("203.0.113.0/24")]})
    assert rules.permit("orders", "203.0.113.7", 80) and not rules.permit("orders", "10.0.0.1", 80)
    assert rules.permit("stock", "10.0.0.1", 80) and not rules.permit("stock", "203.0.113.7", 80)


def test_ports_of_stores_are_closed_at_every_address() -> None:
    """As the URLs have them, or their schemes."""
    urls = [
        "redis://:pw@10.0.0.1/0", "amqp://u:p@mq:5673/", "amqps://mq", "http://u:p@es:9200", "memory://", "redis://h:notaport",
    ]  # fmt: skip
    ports = store_ports(urls)
    assert ports == {6379, 5673, 5671, 9200}
    rules = DialRules(closed_ports=ports)
    assert not rules.permit("svc", "10.9.9.9", 6379) and rules.permit("svc", "10.0.0.1", 8080)


def environ(**variables: str) -> dict[str, str]:
    key = "bWFzdGVyIGtleSBmb3IgdGVzdHMsIDMyIGJ5dGVzISE="
    return {
        "PAILOU_REDIS_URL": "redis://r:1", "PAILOU_RABBITMQ_URL": "amqp://m:2", "PAILOU_MASTER_KEYS": f"k1:{key}",
        "PAILOU_INTERNAL_KEYS": "0123456789abcdef", **variables,
    }  # fmt: skip


def test_networks_come_from_the_settings() -> None:
    """General ones and those of services in one variable; the general ones stay private when only services are named."""
    settings = GatewaySettings.from_env(
        environ(PAILOU_SERVICE_NETWORKS="10.0.0.0/8, orders=10.1.0.0/16|fd00::/8 ,192.0.2.0/24")
    )
    assert [str(network) for network in settings.service_networks] == ["10.0.0.0/8", "192.0.2.0/24"]
    assert {k: [str(n) for n in v] for k, v in settings.networks_of_services.items()} == {
        "orders": ["10.1.0.0/16", "fd00::/8"]
    }
    settings = GatewaySettings.from_env(environ(PAILOU_SERVICE_NETWORKS="orders=203.0.113.0/24"))
    assert "127.0.0.0/8" in [str(network) for network in settings.service_networks]
    with pytest.raises(SettingsError, match="PAILOU_SERVICE_NETWORKS"):
        GatewaySettings.from_env(environ(PAILOU_SERVICE_NETWORKS="10.0.0.1/8"))


def test_ports_of_other_stores_come_from_the_settings() -> None:
    """Those that they have by default, unless told otherwise."""
    assert GatewaySettings.from_env(environ()).store_ports == (3306, 5672, 6379, 9200)
    assert GatewaySettings.from_env(environ(PAILOU_STORE_PORTS="3307")).store_ports == (3307,)
    with pytest.raises(SettingsError, match="must be port numbers"):
        GatewaySettings.from_env(environ(PAILOU_STORE_PORTS="mysql"))
