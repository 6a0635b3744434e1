"""What an -ERR in place of a mail is about: this mail, the command that asked for it, or all mails for now.

One mail that a server always refuses in words of haste ("too many …") would hold up all that are behind it,
if they were believed. So the next mail decides, and where it is refused so as well, two more that are
further on, since mails that are refused often lie side by side: if they do not come either, or there are
none, the server serves none for now. Where mails came before and just one behind them is refused, it is about
that one. A mail that comes after all shows that it was about those that were refused.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from shared.model.errors import MailferryError
from shared.model.mailbox import MailRefused
from shared.model.source_errors import LoginTooSoon, MailboxLocked, SourceBusy, SourceError
from shared.pop3.commands import Verb
from shared.pop3.events import Reply
from shared.pop3.refusal import REFUSALS
from shared.pop3.request_queue import RequestQueue
from shared.pop3.server_quirks import ServerQuirks


class RefusedMails:
    """Of one run. Where something else than a mail is refused, no more is asked for, or by another command.

    Mails that are refused in haste are told when it shows what it is about.
    """

    def __init__(self, asking: RequestQueue, habits: ServerQuirks, server: str) -> None:
        self._asking = asking
        self._habits = habits
        self._server = server
        self._without_top: list[MailRefused] = []
        self._in_haste: list[MailRefused] = []
        self._said_busy: SourceError | None = None

    @property
    def busy(self) -> MailferryError | None:
        """Why the server serves no mail for now, where it does not, by all that it has answered."""
        if self._said_busy is None and (self._in_haste[1:] or (self._in_haste and not self._habits.serves)):
            return self._in_haste[0].error
        return self._said_busy

    def take(self, reply: Reply, *, thrown_away: Collection[int] = ()) -> Sequence[MailRefused]:
        """The mails that were refused, by an -ERR to the mail whose turn it is; `thrown_away` are the
        numbers of those that came before.
        """
        entry = self._asking.answered()
        error = REFUSALS.of_mail(
            f"Retrieving mail {entry.number} from {self._server}", reply.code, reply.text
        )
        refusal = MailRefused(entry, error, body_came=entry.number in thrown_away)
        if _is_of_the_mailbox(error):
            self._said_busy = self._said_busy or error
            self._asking.stop()
            return ()
        if isinstance(error, SourceBusy):
            self._take_in_haste(refusal)
            return ()
        if reply.command.verb is Verb.TOP and self._habits.may_lack_top(reply):
            self._without_top.append(refusal)
            while self._without_top and self._habits.lacks_top(entry.number, reply):
                self._asking.again(self._without_top.pop().entry, by_retr=True)
            return ()
        return (refusal,)

    def mail_came(self, verb: Verb) -> Sequence[MailRefused]:
        """The mails of which an answer to `verb` shows that it was them that were refused."""
        self._habits.serves = True
        if not (self._in_haste or self._without_top):
            return ()
        told, self._in_haste = self._in_haste, []
        if told and self._said_busy is None:
            self._asking.go_on()
        return [*told, *self._not_by_top()] if verb is Verb.TOP else told

    def left(self) -> Sequence[MailRefused]:
        """The mails of which nothing showed more than that they were refused, when all is answered."""
        of_all = self.busy is not None
        return [*self._not_by_top(), *(replace(each, of_all=of_all) for each in self._in_haste)]

    def _not_by_top(self) -> Sequence[MailRefused]:
        """The mails that TOP did not give, where the server has it, or nothing shows that it has not."""
        told, self._without_top = self._without_top, []
        return told

    def _take_in_haste(self, refusal: MailRefused) -> None:
        self._in_haste.append(refusal)
        if self._said_busy is None and len(self._in_haste) == 2:
            self._asking.sample()


def _is_of_the_mailbox(error: SourceError) -> bool:
    return isinstance(error, (MailboxLocked, LoginTooSoon)) or error.retry_after is not None
