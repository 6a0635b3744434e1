"""Which IP addresses may be connected to, for hosts whose names others choose.

The table of non-public networks is our own: the standard library's differs between its versions. An IPv6
address that contains an IPv4 address (mapped, NAT64, 6to4, Teredo) is checked as both. So a denied network
is denied in every form in which its addresses can be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network

# IANA's special-purpose registries of IPv4 and IPv6 addresses, and ranges that were never assigned.
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
_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
# A translator never sends to this network (RFC 1122 section 3.2.1.3). An address that is read with a prefix
# shorter than its own falls into it.
_THIS_NETWORK = IPv4Network("0.0.0.0/8")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`public_only`: no private network, nor this machine. `denied`: networks that are refused as well.

    A denied network within `::ffff:0:0/96` is the IPv4 network that it maps. That range as a whole, or one
    that contains it such as `::/0`, means IPv6 addresses only.
    """

    public_only: bool = False
    denied: tuple[IpNetwork, ...] = ()

    @property
    def restricts(self) -> bool:
        """Whether there is anything to check."""
        return self.public_only or bool(self.denied)

    def allows(self, address: IpAddress) -> bool:
        """Return whether `address`, and each IPv4 address within it, may be connected to."""
        carried = _carried(address)
        if _is_in((address, *carried), (*self.denied, *_unmapped(self.denied))):
            return False
        if not self.public_only:
            return True
        is_only_a_form = address in _MAPPED or address in _NAT64
        return not _is_in(carried if is_only_a_form else (address, *carried), _NOT_PUBLIC)


ANYWHERE = AddressPolicy()


def _is_in(addresses: Iterable[IpAddress], networks: Collection[IpNetwork]) -> bool:
    return any(address in network for address in addresses for network in networks)


def _unmapped(networks: Iterable[IpNetwork]) -> Iterator[IPv4Network]:
    """Yield the IPv4 networks that are written as mapped addresses."""
    for network in networks:
        if isinstance(network, IPv6Network) and network != _MAPPED and network.subnet_of(_MAPPED):
            yield IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))


def _carried(address: IpAddress) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses to which a packet to `address` may be forwarded."""
    if isinstance(address, IPv4Address):
        return ()
    if address in _LOCAL_NAT64:
        return _by_any_prefix(int(address))
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    # `::1` and its neighbours contain no IPv4 address.
    if address in _MAPPED or address in _NAT64 or (address in _COMPATIBLE and low not in _THIS_NETWORK):
        return (low,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()


def _by_any_prefix(bits: int) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses for NAT64 prefixes of 48, 56, 64 and 96 bits (RFC 6052 section 2.2).

    The address does not show which prefix the network uses.
    """
    shorter = (
        (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF,
        (bits >> 64 & 0xFF) << 24 | bits >> 32 & 0xFFFFFF,
        bits >> 24 & 0xFFFFFFFF,
    )
    read = [each for each in map(IPv4Address, shorter) if each not in _THIS_NETWORK]
    return (*read, IPv4Address(bits & 0xFFFFFFFF))
