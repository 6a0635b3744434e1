"""Finds answers in the server's octets: lines and literals up to a CRLF outside of a literal.

The body of a mail (`BODY[…]` in FETCH) goes out as it comes; everything else is held until it is whole,
within limits. A mail that lies whole in what was received costs one regular expression and one copy.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from shared.imap.errors import BodyCut
from shared.imap.fetch import Attributes, parse_attributes
from shared.imap.limits import Limits
from shared.imap.scanner import Part, Streamed, Value, scan
from shared.imap.uid_set import LARGEST_UID
from shared.model.source_errors import LimitExceeded, SourceViolation

_CRLF = b"\r\n"
_END = b")\r\n"  # of a FETCH
_WAITED_FOR = 16 * 1024
"""Octets of a mail that is read in one piece even if it is not all there yet. Reading in pieces costs ten
times as much; with reads of 16 KiB every fourth mail of 4 kB was read so, and one cost 29 µs instead of 6.
"""
_MAIL = re.compile(
    rb"\* [0-9]{1,10} FETCH \(UID ([0-9]{1,10}) BODY\[([A-Z]*)\](?:<([0-9]{1,19})>)? \{([0-9]{1,15})\}\r\n"
)
_OF_LISTING = re.compile(
    rb"\* [0-9]{1,10} (?:FETCH \(UID ([0-9]{1,10}) RFC822\.SIZE ([0-9]{1,15})\)|EXPUNGE)\r\n"
)
_FETCH = re.compile(rb"\*[ ]+[0-9]+[ ]+(?:UID)?FETCH[ ]+\(", re.IGNORECASE)
_WITH_STATUS = re.compile(rb"\*[ ]+(?:OK|NO|BAD|PREAUTH|BYE)(?![!-~])", re.IGNORECASE)
_LENGTH = re.compile(rb"[ (](~?\{([0-9]+)\+?\})\Z")
_BODY = re.compile(rb"[ (]BODY\[[^\]\"]{0,1000}\](?:<[0-9]{1,19}>)?[ ]*\Z", re.IGNORECASE)
_LONGEST_LENGTH = 19  # digits
_LONGEST_BODY_NAME = 1_100  # octets; more than `_BODY` can match


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


class AnswerReader:
    """The octets that were received and not read yet.

    `expects_listing`: a listing was asked for, so that its lines, and those about deleted mails, are tried by
    one regular expression each. The scanner takes five times as long for them.
    """

    def __init__(self, server: str, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._data = b""
        self._at = 0
        self._parts: list[Part] = []
        self._held = 0
        self._literal: int | None = None
        self._body_left = 0
        self._uid_of_body: int | None = None
        self.expects_listing = False

    @property
    def is_within_answer(self) -> bool:
        """Whether an answer began and has not ended."""
        return bool(self._parts) or self._at < len(self._data)

    def add(self, data: bytes) -> None:
        """Take what was received."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def take_rest(self) -> bytes:
        """Return all that was not read, and forget it."""
        rest, self._data, self._at = self._data[self._at :], b"", 0
        return rest

    def next(self) -> Item | None:
        """Return what comes next; None until more is received.

        Raises `LimitExceeded`, `BodyCut`, and `SourceViolation` for a body in an answer that cannot be read.
        """
        if self._body_left:
            return self._piece()
        header = None if self._parts else _MAIL.match(self._data, self._at)
        if header is not None and self._comes_at_once(header):
            return self._whole_mail(header)
        if self.expects_listing and not self._parts and (short := self._line_of_listing()) is not None:
            return short
        if self._parts and not self._ended_where_it_should():
            return None
        while self._took_literal() and (line := self._line()) is not None:
            length = self._length_of_literal(line)
            if length is None:
                return self._answer(line)
            octets = int(length[2])
            before = line[: length.start(1)]
            if self._ends_in_body(before):
                return self._begin_body(before, octets)
            self._hold(before, octets)
        return None

    def _comes_at_once(self, header: re.Match[bytes]) -> bool:
        """Return whether the mail is to be read in one piece: it is there with its end, or it is small."""
        octets = int(header[4])
        line = header.end() - self._at - len(_CRLF)
        if octets > min(self._limits.whole, self._limits.mail) or line > self._limits.line:
            return False
        behind = self._data[header.end() + octets : header.end() + octets + len(_END)]
        return behind == _END or (octets <= _WAITED_FOR and _END.startswith(behind))

    def _whole_mail(self, header: re.Match[bytes]) -> WholeMail | None:
        end = header.end() + int(header[4])
        if len(self._data) < end + len(_END):
            return None
        data = self._data[header.end() : end]
        self._at = end + len(_END)
        origin = int(header[3]) if header[3] is not None else None
        uid = int(header[1])
        return WholeMail(uid if uid <= LARGEST_UID else 0, header[2].decode("ascii"), origin, data)

    def _line_of_listing(self) -> MailSize | MailGone | None:
        found = _OF_LISTING.match(self._data, self._at)
        if found is None:
            return None
        octets = found.end() - self._at - len(_CRLF)
        self._at = found.end()
        if found[1] is None:
            return MailGone(octets)
        uid = int(found[1])
        return MailSize(uid if uid <= LARGEST_UID else 0, int(found[2]), octets)

    def _piece(self) -> BodyPiece | None:
        if self._at >= len(self._data):
            return None
        data = self._data[self._at : self._at + self._body_left]
        self._at += len(data)
        self._body_left -= len(data)
        return BodyPiece(data)

    def _ended_where_it_should(self) -> bool:
        """Return whether the body's end was seen; a blank or a parenthesis stands behind it."""
        if self._uid_of_body is None:
            return True
        behind = self._data[self._at : self._at + 1]
        if not behind:
            return False
        if behind not in {b" ", b")"}:
            raise BodyCut(
                f"{self._server} sent a mail that does not end where its announced size says.",
                uid=self._uid_of_body,
            )
        self._uid_of_body = None
        return True

    def _took_literal(self) -> bool:
        """Return whether no literal is missing before the next line."""
        if self._literal is None:
            return True
        if len(self._data) - self._at < self._literal:
            return False
        self._parts.append(self._data[self._at : self._at + self._literal])
        self._at += self._literal
        self._literal = None
        return True

    def _line(self) -> bytes | None:
        end = self._data.find(_CRLF, self._at)
        most = self._limits.line if end >= 0 else self._limits.line + 1  # a CR may be the line's end
        if (end if end >= 0 else len(self._data)) - self._at > most:
            raise LimitExceeded(f"{self._server} sent a line of more than {self._limits.line} octets.")
        if end < 0:
            return None
        line = self._data[self._at : end]
        self._at = end + len(_CRLF)
        return line

    def _length_of_literal(self, line: bytes) -> re.Match[bytes] | None:
        """Return the announcement at the line's end; text for people and tagged lines have none."""
        first = self._first(line)
        if not line.endswith(b"}") or not first.startswith(b"*") or _WITH_STATUS.match(first):
            return None
        length = _LENGTH.search(line, max(line.rfind(b"{") - 2, 0))
        if length is not None and len(length[2]) > _LONGEST_LENGTH:
            raise LimitExceeded(
                f"{self._server} announced a literal with a length of {len(length[2])} digits."
            )
        return length

    def _ends_in_body(self, before: bytes) -> bool:
        if Streamed.BODY in self._parts or not _FETCH.match(self._first(before)):
            return False
        return _BODY.search(before, max(len(before) - _LONGEST_BODY_NAME, 0)) is not None

    def _first(self, line: bytes) -> bytes:
        first = self._parts[0] if self._parts else line
        return first if isinstance(first, bytes) else b""

    def _begin_body(self, before: bytes, octets: int) -> BodyHeader:
        self._parts += [before, Streamed.BODY]
        try:
            attributes = attributes_of(scan([*self._parts, b")"]))
        except ValueError as error:
            raise self._unreadable() from error
        if attributes.body is not Streamed.BODY:
            raise self._unreadable()
        self._body_left = octets
        self._uid_of_body = attributes.uid or 0
        return BodyHeader(attributes, octets)

    def _unreadable(self) -> SourceViolation:
        return SourceViolation(f"{self._server} sent a mail in an answer that cannot be read.")

    def _hold(self, before: bytes, octets: int) -> None:
        self._parts.append(before)
        self._held += len(before) + octets
        if octets > self._limits.literal or self._held > self._limits.answer:
            raise LimitExceeded(f"{self._server} announced {octets} octets where few are to be expected.")
        self._literal = octets

    def _answer(self, line: bytes) -> Answer:
        answer = Answer((*self._parts, line))
        self._parts.clear()
        self._held = 0
        return answer


def attributes_of(values: list[Value]) -> Attributes:
    """Read `* n FETCH (…)`, or `* uid UIDFETCH (…)` (RFC 9586). Raises ValueError."""
    match values:
        case ["*", str(number), str(word), list(items), *_] if word.upper() == "UIDFETCH":
            return parse_attributes(["UID", number, *items])
        case ["*", _, _, list(items), *_]:
            return parse_attributes(items)
        case _:
            raise ValueError("this is no FETCH")
