"""What comes instead of a mail: an -ERR, a notice, or nothing.

An -ERR may be about this mail, about the command that asked for it, or about all mails for now. One mail that
a server always refuses with words for the moment ("too many ...") would hold up all mails behind it if the
words were believed. So the next mail decides. If it is refused so as well, two more further on decide, since
mails that are refused often lie side by side. If these do not come either, or there are none, the server
serves none for now. Where mails came before and only the last one is refused, it is about that one. A mail
that comes after all shows that the refusals were about the refused mails.

Taking a notice for the mail, and deleting the mail, loses the mail. Exchange sends a notice in place of a
mail that it cannot convert. A server that cannot read a mail from its disk may send nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, MailRefused
from shared.model.source_errors import LoginTooSoon, MailboxLocked, SourceBusy, SourceError, SourceRefused
from shared.pop3.commands import Verb
from shared.pop3.events import Reply
from shared.pop3.replies import REFUSALS
from shared.pop3.request_queue import RequestQueue
from shared.pop3.server_quirks import ServerQuirks

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


class RefusedMails:
    """The mails of one run that were refused.

    A refusal with words for the moment is kept until it shows what it is about. Where the mailbox is refused,
    nothing more is requested; where TOP is, mails are requested by RETR.
    """

    def __init__(self, requests: RequestQueue, quirks: ServerQuirks, server: str) -> None:
        self._requests = requests
        self._quirks = quirks
        self._server = server
        self._without_top: list[MailRefused] = []
        self._for_now: list[MailRefused] = []
        self._said_busy: SourceError | None = None

    @property
    def busy(self) -> MailferryError | None:
        """Why the server serves no mail for now, by all its answers; None where it does."""
        if self._said_busy is None and (self._for_now[1:] or (self._for_now and not self._quirks.serves)):
            return self._for_now[0].error
        return self._said_busy

    def take_refusal(self, reply: Reply, *, discarded: Collection[int] = ()) -> Sequence[MailRefused]:
        """Take an -ERR to the current mail, and return the mails that are refused for themselves.

        `discarded` are the numbers of mails that came before and were discarded.
        """
        entry = self._requests.take_answered()
        error = REFUSALS.of_mail(
            f"Retrieving mail {entry.number} from {self._server}", reply.code, reply.text
        )
        refusal = MailRefused(entry, error, body_came=entry.number in discarded)
        if _is_of_the_mailbox(error):
            self._said_busy = self._said_busy or error
            self._requests.stop_asking()
            return ()
        if isinstance(error, SourceBusy):
            self._take_for_now(refusal)
            return ()
        if reply.command.verb is Verb.TOP and self._quirks.may_lack_top(reply):
            self._without_top.append(refusal)
            while self._without_top and self._quirks.lacks_top(entry.number, reply):
                self._requests.ask_again(self._without_top.pop().entry, by_retr=True)
            return ()
        return (refusal,)

    def note_mail(self, verb: Verb) -> Sequence[MailRefused]:
        """Note that a mail came by `verb`; return the mails that are thereby refused for themselves."""
        self._quirks.serves = True
        if not (self._for_now or self._without_top):
            return ()
        refused, self._for_now = self._for_now, []
        if refused and self._said_busy is None:
            self._requests.resume_asking()
        return [*refused, *self._not_by_top()] if verb is Verb.TOP else refused

    def unexplained(self) -> Sequence[MailRefused]:
        """Return the remaining refused mails, when all requests are answered."""
        of_all = self.busy is not None
        return [*self._not_by_top(), *(replace(each, of_all=of_all) for each in self._for_now)]

    def _not_by_top(self) -> Sequence[MailRefused]:
        """Return the mails that TOP did not give, though the server seems to have TOP."""
        refused, self._without_top = self._without_top, []
        return refused

    def _take_for_now(self, refusal: MailRefused) -> None:
        self._for_now.append(refusal)
        if self._said_busy is None and len(self._for_now) == 2:
            self._requests.ask_for_samples()


def _is_of_the_mailbox(error: SourceError) -> bool:
    return isinstance(error, (MailboxLocked, LoginTooSoon)) or error.retry_after is not None


def is_placeholder(mail: bytes, *, has_listed_size: bool = False) -> bool:
    """Return whether a mail is a notice of Exchange.

    In any language it names Microsoft Exchange as its sender, without an address, and has none of Received,
    Date and Message-ID. The English one is also known by its subject, unless the mail has just the size that
    the server listed: then it is a real mail about such a notice.
    """
    if not has_listed_size and _SUBJECT.search(_header(mail)) is not None:
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
