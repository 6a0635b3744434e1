"""The byte stream on which the protocol clients work."""

from __future__ import annotations

from typing import Protocol

from shared.model.endpoint import Endpoint


class ByteStream(Protocol):
    """A connection to a server, as `shared.net.connection.Connection` is one. Raises `NetworkError`."""

    @property
    def is_tls(self) -> bool:
        """Whether what is sent now is encrypted."""
        ...

    def set_deadline(self, seconds: float | None) -> None:
        """End all waiting within `seconds` from now; None removes the deadline."""
        ...

    async def read(self) -> bytes:
        """Return at least one octet, or b"" once the server has closed its side."""
        ...

    def write(self, data: bytes) -> None:
        """Hand over octets without waiting."""
        ...

    async def drain(self) -> None:
        """Wait until few octets are left to be sent."""
        ...

    async def start_tls(self, endpoint: Endpoint) -> None:
        """Switch to TLS. Octets that came in clear behind the server's agreement are refused."""
        ...

    async def close(self) -> None:
        """Send what is left, and close. Never raises."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...
