"""What the reader of answers finds in the server's octets."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from shared.imap.fetch import Attributes
from shared.imap.scanner import Part


class WholeMail(NamedTuple):
    """A FETCH of nothing but UID and body, as nearly all are, and small enough to be held."""

    uid: int
    section: str
    origin: int | None
    data: bytes


class MailSize(NamedTuple):
    """A FETCH of nothing but UID and size, as in a listing; the line has `octets`."""

    uid: int
    size: int
    octets: int


class MailGone(NamedTuple):
    """An EXPUNGE; the line has `octets`."""

    octets: int


class BodyHeader(NamedTuple):
    """A body of `octets` follows in pieces, then the `Answer`; `attributes` are those before it."""

    attributes: Attributes
    octets: int


class BodyPiece(NamedTuple):
    """The next octets of the body; never empty."""

    data: bytes


class Answer(NamedTuple):
    """A whole answer, as `scan` takes it: every second part is a literal."""

    parts: tuple[Part, ...]


Item: TypeAlias = WholeMail | MailSize | MailGone | BodyHeader | BodyPiece | Answer
