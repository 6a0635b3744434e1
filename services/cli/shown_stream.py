"""A stream to an SMTP server that shows the dialogue, with everything said during AUTH masked."""

from __future__ import annotations

from collections.abc import Callable

from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.smtp.opening import Dialer
from shared.smtp.stream import Stream

MASK = "****"
Show = Callable[[str, str], None]


class ShownStream:
    """Passes everything on to `stream`, and tells `show` ("C" or "S", a line)."""

    def __init__(self, stream: Stream, show: Show) -> None:
        self._stream = stream
        self._show = show
        self._secret = False

    @property
    def inactivity_timeout(self) -> float:
        """See `Stream`."""
        return self._stream.inactivity_timeout

    @inactivity_timeout.setter
    def inactivity_timeout(self, seconds: float) -> None:
        self._stream.inactivity_timeout = seconds

    @property
    def is_tls(self) -> bool:
        """See `Stream`."""
        return self._stream.is_tls

    def set_deadline(self, seconds: float | None) -> None:
        """See `Stream`."""
        self._stream.set_deadline(seconds)

    async def read(self) -> bytes:
        """See `Stream`; shows what was read."""
        data = await self._stream.read()
        for line in data.splitlines():
            self._secret = self._secret and line.startswith(b"334")
            self._show("S", MASK if self._secret else quoted(line))
        return data

    def write(self, data: bytes) -> None:
        """See `Stream`; shows what is written."""
        self._stream.write(data)
        for line in data.splitlines():
            begins = line[:5].upper() == b"AUTH "
            shown = MASK if self._secret else quoted(line)
            self._show("C", f"{quoted(b' '.join(line.split()[:2]))} {MASK}" if begins else shown)
            self._secret = self._secret or begins

    async def drain(self) -> None:
        """See `Stream`."""
        await self._stream.drain()

    async def start_tls(self, endpoint: Endpoint) -> None:
        """See `Stream`."""
        await self._stream.start_tls(endpoint)
        self._show("S", "(TLS begins)")

    async def close(self) -> None:
        """See `Stream`."""
        await self._stream.close()

    def abort(self) -> None:
        """See `Stream`."""
        self._stream.abort()


def shown_dialer(dialer: Dialer, show: Show) -> Dialer:
    """Dials, and has the dialogue shown."""

    async def dial(endpoint: Endpoint) -> Stream:
        return ShownStream(await dialer(endpoint), show)

    return dial
