"""What an -ERR in place of a mail is about: this mail, the command that asked for it, or all mails for now.

One mail that a server always refuses in words of haste ("too many …") would hold up all that are behind it,
if they were believed. So the next mail decides: where it is refused so as well, the server serves none for
now. A mail that comes after all shows that it was about those that were refused.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.fetcher.mailbox import MailRefused
from services.fetcher.mailbox_errors import LoginTooSoon, MailboxLocked, SourceBusy, SourceError
from services.fetcher.pop3.asking import Asking
from services.fetcher.pop3.commands import Verb
from services.fetcher.pop3.events import Reply
from services.fetcher.pop3.habits import Habits
from services.fetcher.pop3.refusal import refused
from shared.model.errors import MailferryError

_TRY_LATER = "SYS/TEMP"


class RefusedMails:
    """Of one run. Where something else than a mail is refused, no more is asked for, or by another command.

    Of mails that are refused in haste, one behind the other, only the first is told at once: if the server
    serves none for now, the others are none the worse, and next time it is not the first that is asked for.
    """

    def __init__(self, asking: Asking, habits: Habits, server: str) -> None:
        self._asking = asking
        self._habits = habits
        self._server = server
        self._without_top: list[MailRefused] = []
        self._in_haste: list[MailRefused] = []
        self._said_busy: SourceError | None = None

    @property
    def busy(self) -> MailferryError | None:
        """Why the server serves no mail for now, where it does not, by all that it has answered."""
        if self._said_busy is None and len(self._in_haste) > 1:
            return self._in_haste[0].error
        return self._said_busy

    def take(self, reply: Reply, *, thrown_away: Collection[int] = ()) -> Sequence[MailRefused]:
        """The mails that were refused, by an -ERR to the mail whose turn it is; `thrown_away` are the
        numbers of those that came before.
        """
        entry = self._asking.answered()
        error = refused(f"Retrieving mail {entry.number} from {self._server}", reply.code, reply.text)
        refusal = MailRefused(entry, error, body_came=entry.number in thrown_away)
        if _is_of_the_mailbox(error):
            self._said_busy = self._said_busy or error
            self._asking.stop()
            return ()
        if isinstance(error, SourceBusy) or reply.code == _TRY_LATER:
            return self._take_in_haste(refusal)
        if reply.command.verb is Verb.TOP and self._habits.may_lack_top(reply):
            self._without_top.append(refusal)
            while self._without_top and self._habits.lacks_top(entry.number, reply):
                self._asking.again(self._without_top.pop().entry, by_retr=True)
            return ()
        return (refusal,)

    def mail_came(self, verb: Verb) -> Sequence[MailRefused]:
        """The mails of which an answer to `verb` shows that it was them that were refused."""
        if not (self._in_haste or self._without_top):
            return ()
        told = self._in_haste[1:]
        self._in_haste.clear()
        if self._said_busy is None:
            self._asking.go_on()
        return [*told, *self.left()] if verb is Verb.TOP else told

    def left(self) -> Sequence[MailRefused]:
        """The mails that TOP did not give, where the server has it, or nothing shows that it has not."""
        told, self._without_top = self._without_top, []
        return told

    def _take_in_haste(self, refusal: MailRefused) -> Sequence[MailRefused]:
        self._in_haste.append(refusal)
        if len(self._in_haste) == 1:
            return (refusal,)
        self._asking.stop()
        return ()


def _is_of_the_mailbox(error: SourceError) -> bool:
    return isinstance(error, (MailboxLocked, LoginTooSoon)) or error.retry_after is not None
