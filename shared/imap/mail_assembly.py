"""Puts the answers to FETCH together and finds whose they are.

A body that no outstanding command awaits is a violation. Unless it is small, that is seen before an octet of
it is read, if the UID stands before it.
"""

from __future__ import annotations

from shared.imap.answer_reader import BodyHeader, BodyPiece, MailSize, WholeMail
from shared.imap.errors import BodyTooLarge
from shared.imap.events import BodyData, BodyStarted, Event, Fetched
from shared.imap.fetch import Attributes
from shared.imap.limits import Limits
from shared.imap.mail_commands import SIZE
from shared.imap.outstanding import Outstanding
from shared.imap.scanner import Streamed
from shared.model.source_errors import SourceViolation

_OF_LISTING = frozenset({"UID", SIZE})


class MailAssembly:
    """The mails of one connection on their way in."""

    def __init__(self, server: str, limits: Limits, outstanding: Outstanding) -> None:
        self._server = server
        self._limits = limits
        self._outstanding = outstanding
        self._octets = 0
        self._held: list[bytes] = []
        self._is_streaming = False

    def take_whole(self, mail: WholeMail, events: list[Event]) -> None:
        """Take a mail that came in one piece. Raises `SourceViolation`."""
        found = self._outstanding.owner_of_body(mail.uid, mail.section, mail.origin)
        if found is None:
            raise self._nobodys()
        sent, uid = found
        sent.awaited.discard(uid)
        events.append(Fetched(sent.command, uid, origin=mail.origin, octets=len(mail.data), body=mail.data))

    def take_size(self, mail: MailSize, events: list[Event]) -> None:
        """Take a line of a listing."""
        command = self._outstanding.owner_of_items(mail.uid, _OF_LISTING)
        if command is not None:
            events.append(Fetched(command, mail.uid, mail.size))

    def begin_body(self, header: BodyHeader, events: list[Event]) -> None:
        """A body begins. Raises `SourceViolation` and `BodyTooLarge`."""
        before = header.attributes
        section = before.section or ""
        if before.uid is None:
            is_awaited = self._outstanding.awaits_section(section)
        else:
            is_awaited = self._outstanding.owner_of_body(before.uid, section, before.origin) is not None
        if not is_awaited:
            raise self._nobodys()
        self._check_size(header.octets, before.uid or 0)
        self._octets = header.octets
        self._is_streaming = header.octets > self._limits.whole
        if self._is_streaming:
            events.append(BodyStarted(before.uid, section, before.origin, header.octets))

    def add_piece(self, piece: BodyPiece, events: list[Event]) -> None:
        """The next octets of the body came."""
        if self._is_streaming:
            events.append(BodyData(piece.data))
        else:
            self._held.append(piece.data)

    def complete(self, attributes: Attributes, events: list[Event]) -> None:
        """The answer is whole. Raises `SourceViolation` where it has a body that nobody awaits."""
        body = attributes.body
        if isinstance(body, Streamed):
            data = None if self._is_streaming else b"".join(self._held)
            self._held = []
            self._add_body(attributes, data, self._octets, events)
        elif attributes.section is not None:
            self._add_body(attributes, body, None if body is None else len(body), events)
        elif (command := self._outstanding.owner_of_items(attributes.uid, attributes.items)) is not None:
            events.append(
                Fetched(
                    command,
                    attributes.uid or 0,
                    attributes.size,
                    attributes.flags,
                    attributes.internal_date,
                    attributes.object_id,
                )
            )

    def _add_body(
        self, attributes: Attributes, data: bytes | None, octets: int | None, events: list[Event]
    ) -> None:
        section = attributes.section or ""
        found = self._outstanding.owner_of_body(attributes.uid, section, attributes.origin)
        if found is None and octets is None:
            return
        if found is None:
            raise self._nobodys()
        sent, uid = found
        sent.awaited.discard(uid)
        events.append(
            Fetched(
                sent.command,
                uid,
                attributes.size,
                attributes.flags,
                attributes.internal_date,
                attributes.object_id,
                attributes.origin,
                octets,
                data,
            )
        )

    def _check_size(self, octets: int, uid: int) -> None:
        if octets > self._limits.mail:
            raise BodyTooLarge(
                f"{self._server} announced a mail of {octets} octets; the limit is {self._limits.mail}.",
                uid=uid,
            )

    def _nobodys(self) -> SourceViolation:
        return SourceViolation(f"{self._server} sent a mail that was not asked for.")
