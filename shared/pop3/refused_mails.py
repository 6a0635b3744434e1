"""What comes instead of a mail: an -ERR, which may also be about TOP."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared.model.errors import MailferryError
from shared.model.mailbox import MailRefused
from shared.net.reading import refused_mails
from shared.pop3.commands import Verb
from shared.pop3.events import Reply
from shared.pop3.replies import REFUSALS
from shared.pop3.request_queue import RequestQueue
from shared.pop3.server_quirks import ServerQuirks


class RefusedMails:
    """The mails of one run that were refused.

    Where TOP is refused, mails are requested by RETR.
    """

    def __init__(self, requests: RequestQueue, quirks: ServerQuirks, server: str) -> None:
        self._requests = requests
        self._quirks = quirks
        self._server = server
        self._refused = refused_mails.RefusedMails(requests, serves=quirks.serves)
        self._without_top: list[MailRefused] = []

    @property
    def busy(self) -> MailferryError | None:
        """Why the server serves no mail for now, by all its answers; None where it does."""
        return self._refused.busy

    def take_refusal(self, reply: Reply, *, discarded: Collection[int] = ()) -> Sequence[MailRefused]:
        """Take an -ERR to the current mail, and return the mails that are refused for themselves.

        `discarded` are the numbers of mails that came before and were discarded.
        """
        entry = self._requests.take_answered()
        error = REFUSALS.of_mail(
            f"Retrieving mail {entry.number} from {self._server}", reply.code, reply.text
        )
        refusal = MailRefused(entry, error, body_came=entry.number in discarded)
        if self._refused.is_kept(refusal):
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
        refused = self._refused.take_mail()
        if verb is Verb.TOP and self._without_top:
            return [*refused, *self._not_by_top()]
        return refused

    def unexplained(self) -> Sequence[MailRefused]:
        """Return the remaining refused mails, when all requests are answered."""
        return [*self._not_by_top(), *self._refused.still_unexplained()]

    def _not_by_top(self) -> Sequence[MailRefused]:
        """Return the mails that TOP did not give, though the server seems to have TOP."""
        refused, self._without_top = self._without_top, []
        return refused
