"""COMPRESS=DEFLATE without input or output: octets in, octets out (RFC 4978; the format is that of RFC 1951).

Promises: whatever the pieces in which a compressed stream arrives, the same octets come out; a call returns
at most `MOST_AT_ONCE` octets, so that a small piece that inflates to gigabytes takes no more memory than any
other; what is no such stream raises `SourceViolation`.
"""

from __future__ import annotations

import zlib

from shared.model.source_errors import SourceViolation

MOST_AT_ONCE = 256 * 1024
"""Octets that are inflated at once: what an uncompressed connection hands over at a time, too. One received
octet can inflate to 1,030."""
MOST_WITHOUT_OUTPUT = 64 * 1024
"""Received octets in a row that may inflate to nothing. A flush has 5, the tables of a block less than 400;
more would keep us busy without ever counting against a limit."""
_RECEIVING_WINDOW = -zlib.MAX_WBITS
"""Without header and checksum, and with any window that a server may use. It costs 32 KiB."""
_SENDING_WINDOW, _SENDING_MEMORY = -12, 5
"""Commands are short: a window of 4 KiB finds what they repeat. It costs 32 KiB instead of 256."""


class Deflater:
    """What we send."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(
            zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, _SENDING_WINDOW, _SENDING_MEMORY
        )

    def deflate(self, data: bytes) -> bytes:
        """Return the octets to send for `data`. The server can inflate all of it at once (a sync flush)."""
        if not data:
            return b""
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)


class Inflater:
    """What the server sends; `server` is its name for the sentences of errors."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._decompressor = zlib.decompressobj(_RECEIVING_WINDOW)
        self._waiting = b""
        self._may_have_more = False
        self._without_output = 0

    def add(self, data: bytes) -> None:
        """Take received octets."""
        self._waiting += data
        self._without_output += len(data)

    def take(self) -> bytes:
        """Return the next octets, at most `MOST_AT_ONCE`; b"" once more has to be received.

        Raises `SourceViolation` for octets that are no compressed stream, that come behind its end, or that
        inflate to nothing without end.
        """
        inflated = b""
        while not inflated and (self._waiting or self._may_have_more):
            inflated = self._inflate()
        if inflated:
            self._without_output = 0
        elif self._without_output > MOST_WITHOUT_OUTPUT:
            raise SourceViolation(f"{self._server} sends compressed octets that inflate to nothing.")
        return inflated

    def _inflate(self) -> bytes:
        if self._decompressor.eof:
            raise SourceViolation(f"{self._server} sent octets behind the end of its compressed stream.")
        try:
            inflated = self._decompressor.decompress(self._waiting, MOST_AT_ONCE)
        except zlib.error as error:
            raise SourceViolation(f"{self._server} sent what cannot be inflated.") from error
        self._waiting = self._decompressor.unconsumed_tail or self._decompressor.unused_data
        # The decompressor may hold octets although it has taken all that it was given.
        self._may_have_more = len(inflated) == MOST_AT_ONCE and not self._decompressor.eof
        return inflated
