"""Host names and IP addresses in Received lines: their domain, and whether they are private."""

from __future__ import annotations

import ipaddress

ANY_BELOW = "*."
_PRIVATE_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]
_LOOPBACK_NETWORKS = [ipaddress.ip_network(network) for network in ("127.0.0.0/8", "::1/128")]
_LOCALHOSTS = frozenset({"localhost", "localhost4", "localhost6"})
_OWN_MACHINE = frozenset({"localhost", "localdomain", "localdomain4", "localdomain6"})
_PRIVATE_DOMAINS = _OWN_MACHINE | {"local", "internal", "intranet", "private", "corp", "home", "lan"}
"""Not in use on the Internet (RFC 6761, RFC 6762 section 3 and appendix G), and Linux's names for itself."""
_SECOND_LEVEL_LENGTH = 3
_COUNTRY_LENGTH = 2
_FLAT_COUNTRIES = frozenset({"ch", "cz", "de", "dk", "eu", "li", "lu", "nl"})
_GENERIC = frozenset({"co", "com", "net", "org"})


def organisational_domain(host: str) -> str:
    """Return the part of a host name that its owner registered, such as `isp.example`.

    "" for a name without a dot, and for one that every machine has (`localhost.localdomain`).

    We do not use the list of public suffixes. Instead, a short label before a country's label counts as part
    of the suffix (`co.uk`), except in countries where names are registered directly below the country. Where
    this is wrong (`mx.ibm.fr`), the trusted zone is smaller than it could be, which is harmless.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or not labels[-1].isalnum() or labels[-1].isdigit() or labels[-1] in _OWN_MACHINE:
        return ""
    second, country = labels[-2:]
    is_suffix = len(country) == _COUNTRY_LENGTH and len(second) <= _SECOND_LEVEL_LENGTH
    if country in _FLAT_COUNTRIES and second not in _GENERIC:
        is_suffix = False
    return ".".join(labels[-3 if is_suffix else -2 :])


def is_loopback(host: str) -> bool:
    """Return whether the host name or IP address means the machine itself."""
    address = _parse_ip(host)
    if address is not None:
        return any(address in network for network in _LOOPBACK_NETWORKS)
    labels = host.rstrip(".").split(".")
    return labels[0] in _LOCALHOSTS and (len(labels) == 1 or labels[-1] in _OWN_MACHINE)


def is_private_host(host: str) -> bool:
    """Return whether the host name or IP address is not one of the public Internet. "" counts as private."""
    address = _parse_ip(host)
    if address is not None:
        return any(address in network for network in _PRIVATE_NETWORKS)
    labels = host.rstrip(".").split(".")
    return len(labels) == 1 or labels[-1] in _PRIVATE_DOMAINS


def is_public_ip(text: str) -> bool | None:
    """Return whether this is an IP address outside of the private networks; None where it is no address."""
    address = _parse_ip(text)
    if address is None:
        return None
    return not any(address in network for network in _PRIVATE_NETWORKS)


def matches_host(patterns: tuple[str, ...], host: str) -> bool:
    """Return whether one of the patterns is the host's name, or is `*.isp.example` and the host is below."""
    host = host.strip("[]").rstrip(".")
    return any(
        host.endswith(pattern[1:]) if pattern.startswith(ANY_BELOW) else host == pattern
        for pattern in patterns
    )


def _parse_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that `host` writes, in brackets or not, with or without a port."""
    text = host.partition("]")[0] if host.startswith("[") else host
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.lstrip("[").removeprefix("ipv6:"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
