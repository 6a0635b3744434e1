"""What the SMTP client needs of a connection; `shared.net.connection.Connection` is one."""

from __future__ import annotations

from typing import Protocol

from shared.model.endpoint import Endpoint


class Stream(Protocol):
    """A byte stream. What goes wrong raises subclasses of `shared.net.errors.NetworkError`."""

    inactivity_timeout: float

    @property
    def is_tls(self) -> bool:
        """Whether it is encrypted."""

    def set_deadline(self, seconds: float | None) -> None:
        """From now on, all waiting ends within `seconds`; None lifts that."""

    async def read(self) -> bytes:
        """At least one byte; b"" once the server closed its side."""

    def write(self, data: bytes) -> None:
        """Hand over bytes without waiting."""

    async def drain(self) -> None:
        """Wait until few bytes are left to be sent."""

    async def start_tls(self, endpoint: Endpoint) -> None:
        """Switch to TLS; refuses bytes that came in clear behind the server's consent."""

    async def close(self) -> None:
        """Send what is left, and close; never raises."""

    def abort(self) -> None:
        """Close at once."""
