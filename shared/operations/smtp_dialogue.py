"""A stream to an SMTP server that shows the dialogue, with AUTH and other secrets masked.

A reply is shown when it is complete and not as it arrives: a secret may be divided over packets and over the
lines of a reply.
"""

from __future__ import annotations

import base64
import binascii
import re

from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.masking import Masker
from shared.operations.login_test import ShowLine
from shared.smtp.dialogue import Stream
from shared.smtp.opening import Dialer
from shared.smtp.reply_masking import split_enhanced_status

MASK = "****"
MAX_HELD = 65536
"""Octets of a reply without an end that are held back."""
CODE_LENGTH = len("250-")
_LAST_LINE = re.compile(rb"[0-9]{3}(?!-)")


class ShowingStream:
    """Passes everything on to `stream`, and gives each line to `show`, masked by `masker`."""

    def __init__(self, stream: Stream, show: ShowLine, masker: Masker | None = None) -> None:
        self._stream = stream
        self._show = show
        self._masker = Masker() if masker is None else masker
        self._held = b""
        self._reply: list[bytes] = []
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
        """See `Stream`; shows each reply that is complete."""
        data = await self._stream.read()
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._reply.append(line.removesuffix(b"\r"))
            if _LAST_LINE.match(line):
                self._show_reply()
        if not data or len(self._held) + sum(map(len, self._reply)) > MAX_HELD:
            self._show_held()
        return data

    def write(self, data: bytes) -> None:
        """See `Stream`; shows what is written."""
        self._stream.write(data)
        self._show_held()
        for line in data.splitlines():
            is_auth = line[:5].upper() == b"AUTH "
            if is_auth or self._secret:
                self._masker.hide(_decoded(line.split()[-1] if line.split() else b""))
            shown = MASK if self._secret else quoted(self._masker(line))
            self._show("C", f"{quoted(b' '.join(line.split()[:2]))} {MASK}" if is_auth else shown)
            self._secret = self._secret or is_auth

    async def drain(self) -> None:
        """See `Stream`."""
        await self._stream.drain()

    async def start_tls(self, endpoint: Endpoint) -> None:
        """See `Stream`."""
        await self._stream.start_tls(endpoint)
        self._show("S", "(TLS begins)")

    async def close(self) -> None:
        """See `Stream`."""
        self._show_held()
        await self._stream.close()

    def abort(self) -> None:
        """See `Stream`."""
        self._show_held()
        self._stream.abort()

    def _show_reply(self) -> None:
        lines, self._reply = self._reply, []
        codes, texts = zip(*(split_enhanced_status(line[CODE_LENGTH:]) for line in lines), strict=True)
        for line, code, text in zip(lines, codes, self._masker.lines(texts), strict=True):
            self._secret = self._secret and line.startswith(b"334")
            shown = quoted(self._masker(line[:CODE_LENGTH] + code + text))
            self._show("S", MASK if self._secret else shown)

    def _show_held(self) -> None:
        """Show a reply that has no end yet."""
        if self._held:
            self._reply.append(self._held)
            self._held = b""
        if self._reply:
            self._show_reply()


def _decoded(word: bytes) -> bytes:
    """Return what was sent in base64, or the word itself where it is not base64."""
    try:
        return base64.b64decode(word, validate=True)
    except binascii.Error:
        return word


def showing_dialer(dialer: Dialer, show: ShowLine, masker: Masker) -> Dialer:
    """Return a dialer whose streams give their dialogue to `show`, masked by `masker`."""

    async def dial(endpoint: Endpoint) -> Stream:
        return ShowingStream(await dialer(endpoint), show, masker)

    return dial
