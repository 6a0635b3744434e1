"""A mail to be sent: its envelope, and its content whole or as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterable

from shared.smtp.content import PreparedContent, prepare
from shared.smtp.envelope import Envelope

Content = bytes | AsyncIterable[bytes]


class Mail:
    """One mail. What is made of its content is kept, since it may be offered to several connections."""

    __slots__ = ("_prepared", "content", "envelope")

    def __init__(self, envelope: Envelope, content: Content) -> None:
        self.envelope = envelope
        self.content = content
        self._prepared: PreparedContent | None = None

    @property
    def prepared(self) -> PreparedContent | None:
        """The content ready to be sent where it is there as a whole; None for a stream."""
        if self._prepared is None and isinstance(self.content, bytes):
            self._prepared = prepare(self.content)
        return self._prepared

    @property
    def size(self) -> int | None:
        """Octets with CRLF line ends; None: not known."""
        prepared = self.prepared
        return self.envelope.size if prepared is None else prepared.size

    @property
    def eight_bit(self) -> bool | None:
        """Whether there are octets beyond ASCII; None: not known."""
        prepared = self.prepared
        return self.envelope.eight_bit if prepared is None else prepared.eight_bit
