"""What comes in place of a mail; to take it for the mail, and delete it, is to delete the mail.

Exchange hands out a notice of its own in place of a mail that it cannot convert. A server that cannot read
a mail from its disk may send nothing at all.
"""

from __future__ import annotations

import re

from shared.model.mailbox import Listed, MailRefused
from shared.model.source_errors import SourceRefused

_SUBJECT = re.compile(
    rb"^Subject:[ \t]+(?:\r?\n[ \t]+)?Retrieval using the (?:POP3|IMAP4) protocol failed",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_HEADER = 16 * 1024


def is_placeholder(mail: bytes) -> bool:
    """Whether a mail is such a notice, by its subject. A mail that is one in earnest has the listed size."""
    header = mail[:_LONGEST_HEADER].partition(b"\r\n\r\n")[0]
    return _SUBJECT.search(header) is not None


def withheld(entry: Listed, server: str) -> MailRefused:
    """A mail in whose place there was a notice."""
    error = SourceRefused(
        f"{server} cannot hand out mail {entry.number} of {entry.size} octets and sent a notice in its place"
    )
    return MailRefused(entry, error, body_came=True)


def nothing_came(entry: Listed, server: str) -> MailRefused:
    """A mail of which the server sent no octet, though it lists some."""
    error = SourceRefused(
        f"{server} sent nothing at all in place of mail {entry.number} of {entry.size} octets"
    )
    return MailRefused(entry, error, body_came=True)
