"""Our name in EHLO, HELO and LHLO: the machine's full name, or an address literal (RFC 5321, sections 2.3.5
and 4.1.3).

`localhost` and names that only this machine or its network knows are refused: servers reject them or count
them as a sign of spam. If no name is configured and the machine has no usable one, targets on this machine
are greeted with the loopback address. With any other target the configuration is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address

from shared.config import values
from shared.model.endpoint import Endpoint
from shared.model.errors import quoted

LOOPBACK = "[127.0.0.1]"
ADVICE = (
    "set helo_name in [relay] (`ferry` has --helo-name) to the full name of this machine, such as "
    '"ferry.corp.example", or to its public address in brackets, such as "[192.0.2.1]"'
)

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_FULL_NAME = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_LOCAL = re.compile(r"(?:.*\.)?(?:localhost|localdomain)")
_IPV6 = "ipv6:"


class UnusableHeloName(ValueError):
    """The name is not fit for HELO, though it may be the machine's."""


def helo_name(value: object) -> str:
    """Return the name in the form for HELO. Raises ValueError, or `UnusableHeloName`."""
    if isinstance(value, str) and value.startswith("["):
        return _literal(value)
    name = values.domain(value)
    if _LOCAL.fullmatch(name) or not _FULL_NAME.fullmatch(name):
        raise UnusableHeloName(
            f'"{quoted(name)}" cannot be used in HELO, as no other machine knows this name; {ADVICE}'
        )
    return name


def helo_name_of_machine(host_name: Callable[[], str], targets: Iterable[Endpoint]) -> str:
    """Return the machine's name; the loopback address if it has none and all `targets` are on this machine.

    Raises ValueError.
    """
    name = host_name()
    try:
        return helo_name(name)
    except UnusableHeloName:
        if all(each.is_here for each in targets):
            return LOOPBACK
    raise UnusableHeloName(
        f'it is missing, and "{quoted(name)}", the name of this machine, cannot be used in HELO; {ADVICE}'
    )


def _literal(value: str) -> str:
    inside = value[1:-1] if value.endswith("]") else ""
    try:
        if inside.lower().startswith(_IPV6):
            return f"[IPv6:{IPv6Address(inside[len(_IPV6) :])}]"
        return f"[{IPv4Address(inside)}]"
    except ValueError:
        raise ValueError(
            f'"{quoted(value)}" is not an address literal such as "[192.0.2.1]" or "[IPv6:2001:db8::1]"'
        ) from None
