"""A connection whose other side is a list of bytes."""

from __future__ import annotations

from collections.abc import Iterable

from shared.model.endpoint import Endpoint
from shared.model.errors import MailferryError


class ScriptedWire:
    """`read` hands out `script` piece by piece, then the end; `sent` is all that was written,
    `sent_in_clear` what of it came before TLS.

    `tls_error` is raised by `start_tls`; `certificate` is what the server shows after it.
    """

    inactivity_timeout = 0.0

    def __init__(
        self,
        script: Iterable[bytes],
        *,
        tls_error: MailferryError | None = None,
        certificate: bytes | None = None,
    ) -> None:
        self._script = list(script)
        self._tls_error = tls_error
        self._certificate = certificate
        self.sent = b""
        self.sent_in_clear = b""
        self.is_tls = False
        self.ended = ""
        self.deadlines: list[float | None] = []

    @property
    def certificate(self) -> bytes | None:
        return self._certificate if self.is_tls else None

    def set_deadline(self, seconds: float | None) -> None:
        self.deadlines.append(seconds)

    async def read(self) -> bytes:
        return self._script.pop(0) if self._script else b""

    def write(self, data: bytes) -> None:
        self.sent += data
        if not self.is_tls:
            self.sent_in_clear += data

    async def drain(self) -> None:
        return

    async def start_tls(self, endpoint: Endpoint) -> None:
        if self._tls_error is not None:
            raise self._tls_error
        self.is_tls = True

    async def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"
