"""The line in which mails wait for a connection to one target: flow by flow, so that one tenant's thousands
do not hold up another's single mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.model.fair_queue import FairQueue
from shared.smtp.envelope import Envelope, RecipientReply
from shared.smtp.errors import NoConnectionFree
from shared.smtp.mail import Content, Mail


class Waiting(Mail):
    """A mail that waits, and its end; `since` is by the event loop's clock."""

    __slots__ = ("carrier", "end", "since")

    def __init__(self, envelope: Envelope, content: Content, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(envelope, content)
        self.end: asyncio.Future[Sequence[RecipientReply]] = loop.create_future()
        self.since = loop.time()
        self.carrier: asyncio.Task[None] | None = None

    def settle(self, replies: Sequence[RecipientReply]) -> None:
        """It was answered."""
        if not self.end.done():
            self.end.set_result(replies)

    def fail(self, error: Exception) -> None:
        """It was not."""
        if not self.end.done():
            self.end.set_exception(error)


class Line:
    """First come, first served within a flow. Who has waited for `patience` seconds is told
    `NoConnectionFree`.
    """

    def __init__(self, target: str, patience: float | None) -> None:
        self._target = target
        self._patience = patience
        self._mails: FairQueue[Waiting] = FairQueue()
        self._watch: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._mails)

    def join(self, mail: Waiting) -> None:
        """Wait at the end."""
        self._mails.append(mail.envelope.flow, mail)

    def give_back(self, mail: Waiting) -> None:
        """Wait at the front, as before."""
        mail.carrier = None
        self._mails.appendleft(mail.envelope.flow, mail)

    def next(self) -> Waiting | None:
        """Whose turn it is."""
        return self._mails.popleft() if self._mails else None

    def leave(self, mail: Waiting) -> None:
        """Wait no more; nothing happens to one that does not wait."""
        self._mails.remove(mail.envelope.flow, mail)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that nobody waits too long; to be called when somebody has to."""
        if self._patience is not None and self._watch is None and self._mails:
            due = self._longest().since + self._patience
            self._watch = loop.call_at(due, self._turn_away, loop, self._patience)

    def _turn_away(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._watch = None
        while self._mails and (mail := self._longest()).since + patience <= loop.time():
            text = f"All connections to {self._target} were in use for {patience:g} seconds."
            self.leave(mail)
            mail.fail(NoConnectionFree(text))
        self.watch(loop)

    def _longest(self) -> Waiting:
        """Who has waited longest."""
        return min(self._mails.heads(), key=lambda mail: mail.since)
