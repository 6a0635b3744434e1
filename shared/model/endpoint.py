"""Where a server is and how the connection to it is protected."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from shared.model.address_policy import ANYWHERE, AddressPolicy

LOCALHOST = "localhost"


class Tls(StrEnum):
    """How TLS is started.

    `off`: never. `wanted`: by a command; without verification where the certificate is not trusted, and in
    clear where the server has no TLS. `required`: by a command, or not at all. `implicit`: with the first
    octet.
    """

    OFF = "off"
    WANTED = "wanted"
    REQUIRED = "required"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server to connect to: `host` and `port`, or the path of a Unix socket.

    `verify`: check the certificate's chain and name. `ca_file`: a file with a further authority. `pin`: the
    fingerprint of the only accepted certificate, "sha256:" and 64 hex digits; it replaces the checks.
    `by_mx`: `host` is a domain, and its mail exchangers are the servers. `addresses`: the addresses that may
    be connected to.
    """

    host: str
    port: int
    tls: Tls = Tls.OFF
    verify: bool = True
    ca_file: str | None = None
    unix_path: str | None = None
    pin: str | None = None
    by_mx: bool = False
    addresses: AddressPolicy = ANYWHERE

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine: a Unix socket, or a loopback address."""
        if self.unix_path is not None:
            return True
        if self.by_mx:
            return False
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host.lower().rstrip(".") == LOCALHOST

    def __str__(self) -> str:
        return self.unix_path or f"{self.host}:{self.port}"
