"""What a server sends in place of a mail that it cannot hand out: a notice, or nothing.

Taking a notice for the mail, and deleting the mail, loses the mail. Exchange sends a notice in place of a
mail that it cannot convert, and Courier in place of one that another client removed. A server that cannot
read a mail from its disk may send nothing at all.
"""

from __future__ import annotations

import re

from shared.model.mailbox import Listed, MailRefused
from shared.model.source_errors import SourceRefused

_SUBJECT = re.compile(
    rb"^Subject:[ \t]+(?:\r?\n[ \t]+)?Retrieval using the (?:POP3|IMAP4) protocol failed",
    re.IGNORECASE | re.MULTILINE,
)
_SENDER_NAME = b"Microsoft Exchange"
_USUAL_FIRST_FIELD = b"Received:"
_SENDER_WITHIN = 1024
"""Octets that are searched for the sender of a notice, whose header is short. A search of a whole 4 kB mail
would cost 20 % more CPU per mail."""
_SENDER = re.compile(
    rb'^From:[ \t]*(?:\r?\n[ \t]+)?"?Microsoft Exchange[^@\r\n]*\r?$', re.IGNORECASE | re.MULTILINE
)
_OF_REAL_MAIL = re.compile(rb"^(?:Received|Date|Message-ID):", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEADER = 16 * 1024
_COURIERS_NOTICE = (
    b"From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\n"
    b"This message is no longer available on the server.\r\n"
)
"""All of it, as Courier 5.0 sends it; no part of it varies."""


def is_placeholder(mail: bytes, *, has_listed_size: bool = False) -> bool:
    """Return whether a mail is a notice of Exchange or Courier.

    That of Courier is always the same, and not of the size that was listed. That of Exchange in any language
    names Microsoft Exchange as its sender, without an address, and has none of Received, Date and Message-ID.
    The English one is also known by its subject, unless the mail has just the size that the server listed:
    then it is a real mail about such a notice.
    """
    if not has_listed_size and (mail == _COURIERS_NOTICE or _SUBJECT.search(_header(mail)) is not None):
        return True
    if mail.startswith(_USUAL_FIRST_FIELD) or mail.find(_SENDER_NAME, 0, _SENDER_WITHIN) < 0:
        return False
    header = _header(mail)
    return _SENDER.search(header) is not None and _OF_REAL_MAIL.search(header) is None


def _header(mail: bytes) -> bytes:
    return mail[:_LONGEST_HEADER].partition(b"\r\n\r\n")[0]


def notice_came(entry: Listed, server: str) -> MailRefused:
    """Return the refusal of a mail in place of which a notice came."""
    error = SourceRefused(
        f"{server} cannot hand out mail {entry.number} of {entry.size} octets and sent a notice in its place"
    )
    return MailRefused(entry, error, body_came=True)


def nothing_came(entry: Listed, server: str) -> MailRefused:
    """Return the refusal of a mail of which the server sent no octet, though it lists some."""
    error = SourceRefused(
        f"{server} sent nothing at all in place of mail {entry.number} of {entry.size} octets"
    )
    return MailRefused(entry, error, body_came=True)
