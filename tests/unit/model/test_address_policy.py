from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

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
