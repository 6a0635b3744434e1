"""A byte stream that plays a script instead of a network."""

from __future__ import annotations

from collections.abc import Iterable

from shared.model.endpoint import Endpoint
from shared.net.errors import NetworkError


class ScriptedStream:
    """Returns `reads` one by one. An error among them is raised. At their end the server has closed.

    `writes` has one element per write, and `deadlines` the deadline of each read.
    """

    def __init__(self, *reads: bytes | NetworkError, tls_error: NetworkError | None = None) -> None:
        self._reads = list(reads)
        self._tls_error = tls_error
        self._deadline: float | None = None
        self.inactivity_timeout = 0.0
        self.is_tls = False
        self.closed = False
        self.aborted = False
        self.writes: list[bytes] = []
        self.deadlines: list[float | None] = []
        self.deadlines_set = 0
        self.write_errors: list[NetworkError | None] = []
        self.drain_patience: list[float] = []

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    @property
    def unread(self) -> int:
        return len(self._reads)

    def more(self, *reads: bytes | NetworkError) -> None:
        """Add what the server sends next."""
        self._reads.extend(reads)

    def fail_writes(self, *errors: NetworkError | None) -> None:
        """Set what the next writes raise; None for success."""
        self.write_errors = list(errors)

    def set_deadline(self, seconds: float | None) -> None:
        self._deadline = seconds
        self.deadlines_set += 1

    async def read(self) -> bytes:
        self.deadlines.append(self._deadline)
        if not self._reads:
            return b""
        piece = self._reads.pop(0)
        if isinstance(piece, NetworkError):
            raise piece
        return piece

    def write(self, data: bytes) -> None:
        error = self.write_errors.pop(0) if self.write_errors else None
        if error is not None:
            raise error
        self.writes.append(data)

    async def drain(self) -> None:
        self.drain_patience.append(self.inactivity_timeout)

    async def start_tls(self, endpoint: Endpoint) -> None:
        if self._tls_error is not None:
            raise self._tls_error
        self.is_tls = True

    async def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


def each_byte(data: Iterable[int]) -> list[bytes]:
    """The same bytes, one at a time."""
    return [bytes([octet]) for octet in data]
