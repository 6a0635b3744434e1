"""Seals secrets, so that the database holds them encrypted."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class SealedText(NamedTuple):
    """An encrypted text, and the id of the key that it was encrypted with."""

    key: str
    data: bytes


class Sealer(Protocol):
    """Encrypts and decrypts texts, each bound to the place where it is kept."""

    def seal(self, kind: str, object_id: str, field: str, text: str) -> SealedText:
        """Return the text encrypted, for the secret `field` of the object `object_id` of this kind."""
        ...

    def open(self, kind: str, object_id: str, field: str, sealed: SealedText) -> str:
        """Return the text that was sealed for this place. Raises a `MailferryError` where it cannot."""
        ...
