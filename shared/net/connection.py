"""One byte stream to a server, with a limit on every wait.

Promises: no read or write waits longer than the inactivity timeout without an octet moving, nor beyond the
deadline if one is set; memory stays bounded; received octets are never lost, not even when a read is
cancelled. It works on asyncio's own loop and on uvloop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.net.certificates import fingerprint
from shared.net.errors import (
    CertificateNotPinned,
    ConnectionLost,
    DeadlineExceeded,
    InactivityTimeout,
    TlsInjection,
    reason_of,
    tls_failed,
)
from shared.net.resumption import Handshake, keep_session
from shared.net.stream import ByteStream
from shared.net.tls import client_context

CLOSE_TIMEOUT = 2.0


class Connection:
    """A connection that `dial` made; used by one task for reading and at most one for writing.

    Errors are subclasses of `shared.net.errors.NetworkError` and carry the `fault` given to `dial`.
    """

    def __init__(
        self,
        stream: ByteStream,
        endpoint: Endpoint,
        handshake: Handshake,
        *,
        inactivity_timeout: float,
        fault: Fault,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._stream = stream
        self._endpoint = endpoint
        self._handshake = handshake
        self._inactivity_timeout = inactivity_timeout
        self._fault = fault
        self._loop = loop
        self._deadline: float | None = None

    @property
    def is_tls(self) -> bool:
        """Whether what is sent now is encrypted."""
        return self._stream.transport.get_extra_info("ssl_object") is not None

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate in DER; None without TLS."""
        secured = self._stream.transport.get_extra_info("ssl_object")
        certificate: bytes | None = secured.getpeercert(binary_form=True) if secured is not None else None
        return certificate

    @property
    def inactivity_timeout(self) -> float:
        """Seconds that may pass without an octet. They may be changed between two waits, as SMTP's phases
        differ.
        """
        return self._inactivity_timeout

    @inactivity_timeout.setter
    def inactivity_timeout(self, seconds: float) -> None:
        self._inactivity_timeout = seconds

    def set_deadline(self, seconds: float | None) -> None:
        """End everything from now on after `seconds`, however busy the connection is; None: no deadline."""
        self._deadline = None if seconds is None else self._loop.time() + seconds

    async def read(self) -> bytes:
        """Return what has arrived, at least one octet (less than 512 KiB); b"" once the server closed its
        side.

        Raises `InactivityTimeout`, `DeadlineExceeded`, or `ConnectionLost` if the connection was reset.
        """
        stream = self._stream
        while not stream.held:
            if stream.lost is not None:
                raise self._connection_lost()
            if stream.ended:
                return b""
            if not await stream.change(self._seconds_to_wait()):
                raise self._timed_out("sent")
        self._check_deadline()
        return stream.take()

    def write(self, data: bytes | memoryview | Sequence[bytes | memoryview]) -> None:
        """Hand octets to the transport, without waiting. Call `drain` afterwards unless they are few."""
        if self._stream.closed:
            raise self._connection_lost()
        if isinstance(data, bytes | memoryview):
            self._stream.transport.write(data)
        else:
            self._stream.transport.writelines(data)

    async def drain(self) -> None:
        """Wait until the transport takes more. A server that takes octets slowly is not inactive."""
        stream = self._stream
        while not stream.writable and not stream.closed:
            unsent = stream.transport.get_write_buffer_size()
            moved = (
                await stream.change(self._seconds_to_wait())
                or stream.transport.get_write_buffer_size() < unsent
            )
            self._check_deadline()
            if not moved:
                raise self._timed_out("took")
        if stream.closed:
            raise self._connection_lost()

    async def start_tls(self, endpoint: Endpoint) -> None:
        """Switch to TLS. On any error the connection is closed.

        Octets that came in clear after the server's consent are an injection (CVE-2021-39272), and refused.
        The caller makes sure that its own parser holds none.
        """
        if self._stream.held:
            self.abort()
            raise TlsInjection(
                f"{self._endpoint} sent bytes in clear after it agreed to start TLS: someone may tamper with "
                "the connection.",
                fault=self._fault,
            )
        try:
            with self._handshake.announced():
                transport = await self._loop.start_tls(
                    self._stream.transport,
                    self._stream,
                    client_context(endpoint),
                    server_hostname=endpoint.host,
                    ssl_handshake_timeout=max(self._seconds_to_wait(), 0.001),
                )
        except (OSError, ValueError) as error:
            self.abort()
            raise tls_failed(str(self._endpoint), error, self._fault) from error
        if transport is None:
            raise ConnectionLost(f"{self._endpoint} closed the connection as TLS began.", fault=self._fault)
        self._stream.connection_made(transport)
        self.check_pin(endpoint)

    def check_pin(self, endpoint: Endpoint) -> None:
        """After a handshake, close the connection unless the server showed the pinned certificate, if one is.

        Raises `CertificateNotPinned`.
        """
        if endpoint.pin is None:
            return
        certificate = self.certificate
        shown = fingerprint(certificate) if certificate is not None else "none"
        if shown != endpoint.pin:
            self.abort()
            raise CertificateNotPinned(
                f"TLS with {self._endpoint} failed: the certificate there is not the pinned one. If it was "
                f"renewed, pin this: {shown}.",
                fault=self._fault,
            )

    def when_lost(self, tell: Callable[[], None]) -> None:
        """Have `tell` called as soon as the connection is gone, whoever ended it."""
        if self._stream.closed:
            tell()
        else:
            self._stream.when_lost = tell

    async def close(self) -> None:
        """Send what is left and close; abort after `CLOSE_TIMEOUT` seconds. Never raises.

        The TLS session is kept for the next connection, unlike that of a connection that is aborted.
        """
        secured = self._stream.transport.get_extra_info("ssl_object")
        if secured is not None:
            keep_session(secured)
        if self._stream.closed:
            return
        self._stream.transport.close()
        until = self._loop.time() + CLOSE_TIMEOUT
        while not self._stream.closed:
            if not await self._stream.change(until - self._loop.time()):
                self.abort()
                return

    def abort(self) -> None:
        """Close at once, and discard what is unsent."""
        if not self._stream.closed:
            self._stream.transport.abort()

    def _seconds_to_wait(self) -> float:
        if self._deadline is None:
            return self._inactivity_timeout
        return min(self._inactivity_timeout, self._deadline - self._loop.time())

    def _overdue(self) -> bool:
        return self._deadline is not None and self._loop.time() >= self._deadline

    def _check_deadline(self) -> None:
        if self._overdue():
            raise DeadlineExceeded(f"The time allowed for {self._endpoint} is used up.", fault=self._fault)

    def _timed_out(self, verb: str) -> InactivityTimeout | DeadlineExceeded:
        if self._overdue():
            return DeadlineExceeded(f"The time allowed for {self._endpoint} is used up.", fault=self._fault)
        seconds = f"{self._inactivity_timeout:g}"
        return InactivityTimeout(f"{self._endpoint} {verb} nothing for {seconds} seconds.", fault=self._fault)

    def _connection_lost(self) -> ConnectionLost:
        reason = reason_of(self._stream.lost) if self._stream.lost else "it was closed"
        return ConnectionLost(f"The connection to {self._endpoint} was lost: {reason}.", fault=self._fault)
