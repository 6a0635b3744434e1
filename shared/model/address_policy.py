"""Which network addresses may be connected to, for hosts whose names others choose.

The table of what is not public is our own, as that of the standard library differs between its versions.
Addresses that carry an IPv4 address (mapped, NAT64, 6to4) are judged by that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network

# IANA's special-purpose registries of IPv4 and IPv6 addresses, and what was never handed out.
_NOT_PUBLIC: tuple[IpNetwork, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "::/3",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "4000::/2",
            "8000::/1",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`public_only`: nothing within private networks, this machine included. `denied` are refused besides."""

    public_only: bool = False
    denied: tuple[IpNetwork, ...] = ()

    @property
    def restricts(self) -> bool:
        """Whether there is anything to be checked."""
        return self.public_only or bool(self.denied)

    def allows(self, address: IpAddress) -> bool:
        """Whether `address`, and the IPv4 address within it if there is one, may be connected to."""
        carried = _carried(address)
        if carried is None:
            return self._allows(address)
        return self._allows(carried) and (address not in _6TO4 or self._allows(address))

    def _allows(self, address: IpAddress) -> bool:
        networks = self.denied + _NOT_PUBLIC if self.public_only else self.denied
        return not any(address in network for network in networks if network.version == address.version)


ANYWHERE = AddressPolicy()


def _carried(address: IpAddress) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
