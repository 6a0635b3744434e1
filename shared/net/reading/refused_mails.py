"""Mails that a server refuses, and what the refusals are about.

A refusal may be about this mail, or about all mails for now. One mail that a server always refuses with words
for the moment ("too many ...") would hold up all mails behind it if the words were believed. So the next mail
decides. If it is refused so as well, two more further on decide, since mails that are refused often lie side
by side. If these do not come either, or there are none, the server serves none for now. Where mails came
before and only the last one is refused, it is about that one. A mail that comes after all shows that the
refusals were about the refused mails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from shared.model.errors import MailferryError
from shared.model.mailbox import MailRefused
from shared.model.source_errors import LoginTooSoon, MailboxLocked, SourceBusy, SourceError

SAMPLES = 2
"""Mails that show, after two refusals, whether the server serves any: the last one, and one in the middle."""


class Requests(Protocol):
    """What decides which mails are requested next."""

    def stop_asking(self) -> None:
        """Request nothing more until `resume_asking`."""
        ...

    def ask_for_samples(self) -> None:
        """Request a few mails further on, the last one first, and then nothing more until `resume_asking`."""
        ...

    def resume_asking(self) -> None:
        """Request the remaining mails."""
        ...


class RefusedMails:
    """The mails of one run that were refused.

    A refusal with words for the moment is kept until it shows what it is about. Where the mailbox is refused,
    nothing more is requested. `serves`: a mail came in this session.
    """

    def __init__(self, requests: Requests, *, serves: bool = False) -> None:
        self._requests = requests
        self._for_now: list[MailRefused] = []
        self._said_busy: SourceError | None = None
        self.serves = serves

    @property
    def busy(self) -> MailferryError | None:
        """Why the server serves no mail for now, by all its answers; None where it does."""
        if self._said_busy is None and (self._for_now[1:] or (self._for_now and not self.serves)):
            return self._for_now[0].error
        return self._said_busy

    def is_kept(self, refusal: MailRefused) -> bool:
        """Take a refusal; return False if it is about the refused mail, as far as its words go."""
        error = refusal.error
        if isinstance(error, SourceError) and _is_of_the_mailbox(error):
            self._said_busy = self._said_busy or error
            self._requests.stop_asking()
            return True
        if isinstance(error, SourceBusy):
            self._for_now.append(refusal)
            if self._said_busy is None and len(self._for_now) == SAMPLES:
                self._requests.ask_for_samples()
            return True
        return False

    def take_mail(self) -> Sequence[MailRefused]:
        """Note that a mail came; return the mails that are thereby refused for themselves."""
        self.serves = True
        if not self._for_now:
            return ()
        refused, self._for_now = self._for_now, []
        if self._said_busy is None:
            self._requests.resume_asking()
        return refused

    def still_unexplained(self) -> Sequence[MailRefused]:
        """Return the remaining refused mails, when all requests are answered."""
        of_all = self.busy is not None
        return [replace(each, of_all=of_all) for each in self._for_now]


def _is_of_the_mailbox(error: SourceError) -> bool:
    return isinstance(error, (MailboxLocked, LoginTooSoon)) or error.retry_after is not None
