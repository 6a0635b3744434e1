"""The port of a SASL mechanism, and its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.model.errors import Fault, MailferryError


class SaslError(MailferryError):
    """The exchange failed: a challenge does not belong to the mechanism, or the server proves nothing."""

    temporary = False
    fault = Fault.OPERATOR


class UnfitCredentials(SaslError):
    """The mechanism cannot carry this user name or secret. Nothing was sent; another mechanism may work."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The server, for mechanisms that are bound to it.

    `end_point` is the `tls-server-end-point` channel binding (RFC 5929, section 4), if there is one.
    `offers_binding` is False only where the server listed its mechanisms and none of them binds to TLS.
    """

    host: str = ""
    port: int = 0
    end_point: bytes | None = None
    offers_binding: bool = True


class Mechanism(Protocol):
    """One authentication exchange; an object serves one exchange only."""

    @property
    def name(self) -> str:
        """The name as it is registered, in upper case."""
        ...

    @property
    def complaint(self) -> str:
        """The error that the server sent within the exchange, in its own words; "" if it sent none."""
        return ""

    def initial(self) -> bytes | None:
        """Return the initial response, or None where the server speaks first."""
        ...

    def respond(self, challenge: bytes) -> bytes:
        """Return the answer to a challenge. Raises `SaslError` if it does not belong to the mechanism."""
        ...

    def finish(self) -> None:
        """Check a success that the server reported. Raises `SaslError` if it has not proven itself."""
        return


def in_utf8(value: str, what: str) -> bytes:
    """Return `value` in UTF-8. NUL is refused, because it separates fields (RFC 4616, section 2).

    Raises `UnfitCredentials`, which does not show the value.
    """
    if "\0" in value:
        raise UnfitCredentials(f"The {what} contains a NUL character, which cannot be sent to a server.")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise UnfitCredentials(f"The {what} contains a character that UTF-8 cannot express.") from None
