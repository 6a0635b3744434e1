"""What a server lets us know about the ways to log in, on the connection as it is now."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.pop3.capabilities import UNKNOWN, Capabilities, mechanisms

USER = "USER"
APOP = "APOP"
PLUS = "-PLUS"
_TIMESTAMP = re.compile(rb"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>")


@dataclass(frozen=True, slots=True)
class Offer:
    """`listed` is the answer to a bare AUTH, None if there was none. `timestamp` is that of the greeting,
    with its angle brackets, or b"". `clear_is_fine`: the account wants no TLS; `encrypted`: there is TLS.
    """

    capabilities: Capabilities = UNKNOWN
    listed: tuple[str, ...] | None = None
    timestamp: bytes = b""
    encrypted: bool = False
    clear_is_fine: bool = False

    @property
    def announced(self) -> tuple[str, ...] | None:
        """Methods in upper case, without APOP; None where the server told nothing."""
        if self.capabilities.known:
            return (*mechanisms(self.capabilities), *((USER,) if USER in self.capabilities else ()))
        return None if self.listed is None else (*self.listed, USER)

    @property
    def has_binding(self) -> bool:
        """Whether a mechanism that binds to TLS may be there."""
        return self.announced is None or any(name.endswith(PLUS) for name in self.announced)


def timestamp(greeting: bytes) -> bytes:
    """The timestamp of a greeting (RFC 1939, section 7), or b"".

    It must be a message-id of visible ASCII: others help to find the password out (CVE-2007-1558).
    """
    found = _TIMESTAMP.search(greeting)
    return found[0] if found else b""


def parse_listed(body: bytes) -> tuple[str, ...]:
    """The answer to a bare AUTH: one mechanism a line; what is no name is skipped."""
    lines = body.decode("ascii", "replace").upper().split("\r\n")
    return tuple(line.strip() for line in lines if re.fullmatch(r"[A-Z0-9_-]{1,20}", line.strip()))
