from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.address_policy import ANYWHERE, AddressPolicy

PUBLIC_ONLY = AddressPolicy(public_only=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - an address to be refused, nothing listens
        "10.1.2.3",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.19.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not PUBLIC_ONLY.allows(ip_address(address))
    assert ANYWHERE.allows(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_what_is_public_is_allowed(address: str) -> None:
    assert PUBLIC_ONLY.allows(ip_address(address))


def test_own_networks_are_refused_besides_also_within_another_address() -> None:
    policy = AddressPolicy(denied=(ip_network("192.0.2.0/24"), ip_network("2a00::/16")))
    assert policy.restricts
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "2a00::1"):
        assert not policy.allows(ip_address(address))
    for address in ("192.0.3.1", "127.0.0.1", "2a01::1"):
        assert policy.allows(ip_address(address))


ipv4_addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
ipv6_addresses = st.integers(0, 2**128 - 1).map(IPv6Address)


def forms(address: IPv4Address) -> list[IPv6Address]:
    """The IPv6 addresses by which a packet gets to `address`: mapped, NAT64, 6to4, Teredo."""
    bits = int(address)
    local = 0x0064FF9B0001 << 80
    return [
        IPv6Address(0xFFFF << 32 | bits),
        IPv6Address(0x0064FF9B << 96 | bits),
        IPv6Address(local | (bits >> 16) << 64 | (bits & 0xFFFF) << 40),
        IPv6Address(local | (bits >> 24) << 64 | (bits & 0xFFFFFF) << 32),
        IPv6Address(local | bits << 24),
        IPv6Address(local | bits),
        IPv6Address(0x2002 << 112 | bits << 80 | 1),
        IPv6Address(0x20010000 << 96 | bits << 64 | 0xFFFFFFFF),
        IPv6Address(0x20010000 << 96 | 0x0A000001 << 64 | (bits ^ 0xFFFFFFFF)),
    ]


def network_around(address: IPv4Address, length: int) -> IPv4Network:
    return IPv4Network((int(address) >> (32 - length) << (32 - length), length))


@given(ipv4_addresses.filter(lambda address: address not in IPv4Network("0.0.0.0/8")), st.integers(0, 32))
def test_a_denied_network_holds_in_every_form_of_its_addresses(address: IPv4Address, length: int) -> None:
    policy = AddressPolicy(denied=(network_around(address, length),))
    assert not policy.allows(address)
    assert not any(policy.allows(form) for form in forms(address))


@given(ipv4_addresses, st.integers(1, 32), ipv4_addresses)
def test_a_network_denied_in_mapped_form_is_that_network(
    address: IPv4Address, length: int, other: IPv4Address
) -> None:
    network = network_around(address, length)
    plain = AddressPolicy(denied=(network,))
    mapped = AddressPolicy(denied=(ip_network((0xFFFF << 32 | int(network.network_address), 96 + length)),))
    assert not mapped.allows(address)
    assert mapped.allows(other) == plain.allows(other)
    assert not mapped.allows(forms(address)[0])


@given(ipv4_addresses)
def test_without_ipv6_each_address_of_it_is_refused_and_ipv4_allowed(address: IPv4Address) -> None:
    policy = AddressPolicy(denied=(ip_network("::/0"),))
    assert policy.allows(address)
    assert not any(policy.allows(form) for form in forms(address))


@given(ipv6_addresses)
def test_without_ipv6_no_address_of_it_is_allowed(address: IPv6Address) -> None:
    assert not AddressPolicy(denied=(ip_network("::/0"),)).allows(address)


@pytest.mark.parametrize(
    ("denied", "refused"),
    [
        ("64:ff9b::/96", "64:ff9b::808:808"),
        ("64:ff9b:1::/48", "64:ff9b:1::808:808"),
        ("::ffff:0:0/96", "::ffff:8.8.8.8"),
        ("2002::/16", "2002:808:808::1"),
        ("2001::/32", "2001:0:808:808::1"),
    ],
)
def test_a_denied_form_is_refused_and_the_address_itself_is_not(denied: str, refused: str) -> None:
    policy = AddressPolicy(denied=(ip_network(denied),))
    assert not policy.allows(ip_address(refused))
    assert policy.allows(ip_address("8.8.8.8"))
    assert policy.allows(ip_address("2606:4700::1"))


def test_without_ipv4_addresses_of_ipv6_alone_are_allowed() -> None:
    policy = AddressPolicy(denied=(ip_network("0.0.0.0/0"),))
    for address in ("::1", "2606:4700::1", "fd12:3456::1"):
        assert policy.allows(ip_address(address))


def test_a_shorter_reading_of_a_local_nat64_address_is_not_taken_for_this_network() -> None:
    policy = AddressPolicy(denied=(ip_network("0.0.0.0/8"), ip_network("10.0.0.0/8")))
    assert policy.allows(ip_address("64:ff9b:1::808:808"))
    assert not policy.allows(ip_address("64:ff9b:1::a00:1"))
