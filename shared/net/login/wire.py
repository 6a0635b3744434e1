"""What a session needs of its connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from shared.net.byte_stream import ByteStream

Dialogue: TypeAlias = Callable[[str, str], None]
"""Called with "C" or "S" and one line of the dialogue, safe to show: no secrets, no mail."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds.

    `connect`: for lookup, connect and TLS, and again for the greeting. `inactivity`: without an octet.
    `login`: from the greeting to the end of the login. `session`: for the whole session after the login;
    None: it may last as long as octets move.
    """

    connect: float = 30.0
    inactivity: float = 60.0
    login: float = 120.0
    session: float | None = 6 * 3600.0


class Wire(ByteStream, Protocol):
    """A connection as a session with a source uses it."""

    inactivity_timeout: float
    """Seconds that may pass without an octet; it may be changed between two waits."""

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate in DER; None without TLS."""
        ...
