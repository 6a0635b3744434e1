"""A connection after COMPRESS: as the one beneath it, but what is sent and received is compressed (RFC 4978).

Limits count what came out: a read returns inflated octets, at most `MOST_AT_ONCE`, and the reader counts them
as it does those of any connection. Deadlines and the inactivity timeout are those of the connection beneath.
"""

from __future__ import annotations

from typing_extensions import override

from shared.imap.deflate import Deflater, Inflater
from shared.model.endpoint import Endpoint
from shared.net.errors import Misused
from shared.net.login.wire import Wire


class CompressedWire(Wire):
    """Compresses `wire`. `received` are octets that came behind the server's consent
    (`CompressionStarted`). `server` is its name for the sentences of errors.
    """

    def __init__(self, wire: Wire, server: str, received: bytes = b"") -> None:
        self._wire = wire
        self._deflater = Deflater()
        self._inflater = Inflater(server)
        self._inflater.add(received)

    @property
    def inactivity_timeout(self) -> float:
        """Seconds that may pass without an octet."""
        return self._wire.inactivity_timeout

    @inactivity_timeout.setter
    def inactivity_timeout(self, seconds: float) -> None:
        self._wire.inactivity_timeout = seconds

    @property
    @override
    def is_tls(self) -> bool:
        return self._wire.is_tls

    @property
    @override
    def certificate(self) -> bytes | None:
        return self._wire.certificate

    @override
    def set_deadline(self, seconds: float | None) -> None:
        self._wire.set_deadline(seconds)

    @override
    async def read(self) -> bytes:
        """Return inflated octets, at least one; b"" at the end. Raises `SourceViolation`, too."""
        while not (inflated := self._inflater.take()):
            received = await self._wire.read()
            if not received:
                return b""
            self._inflater.add(received)
        return inflated

    @override
    def write(self, data: bytes) -> None:
        self._wire.write(self._deflater.deflate(data))

    @override
    async def drain(self) -> None:
        await self._wire.drain()

    @override
    async def start_tls(self, endpoint: Endpoint) -> None:
        """Raise `Misused`: TLS begins before the login, and compression after it (RFC 4978, section 3)."""
        raise Misused("TLS cannot begin on a compressed connection.")

    @override
    async def close(self) -> None:
        await self._wire.close()

    @override
    def abort(self) -> None:
        self._wire.abort()
