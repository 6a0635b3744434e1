"""The line in which mails wait for a connection to one target.

Flows take turns, so that one tenant's thousands of mails do not hold up another's single mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.model.fair_queue import FairQueue
from shared.smtp.envelope import Content, Envelope, Mail, RecipientReply
from shared.smtp.errors import NoConnectionFree


class WaitingMail(Mail):
    """A mail with its `result`. `since`: when it came, by the loop's clock. `worker`: the task that sends."""

    __slots__ = ("result", "since", "worker")

    def __init__(self, envelope: Envelope, content: Content, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(envelope, content)
        self.result: asyncio.Future[Sequence[RecipientReply]] = loop.create_future()
        self.since = loop.time()
        self.worker: asyncio.Task[None] | None = None

    def set_replies(self, replies: Sequence[RecipientReply]) -> None:
        """End the wait with the replies."""
        if not self.result.done():
            self.result.set_result(replies)

    def set_error(self, error: Exception) -> None:
        """End the wait with an error."""
        if not self.result.done():
            self.result.set_exception(error)


class WaitingLine:
    """First come, first served within a flow. A mail that has waited for `longest_wait` seconds ends with
    `NoConnectionFree`; None: mails wait without limit.
    """

    def __init__(self, target: str, longest_wait: float | None) -> None:
        self._target = target
        self._longest_wait = longest_wait
        self._mails: FairQueue[WaitingMail] = FairQueue()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._mails)

    def add_mail(self, mail: WaitingMail) -> None:
        """Add a mail at the end of its flow."""
        self._mails.append(mail.envelope.flow, mail)

    def return_mail(self, mail: WaitingMail) -> None:
        """Put a mail back at the front."""
        mail.worker = None
        self._mails.appendleft(mail.envelope.flow, mail)

    def next_mail(self) -> WaitingMail | None:
        """Take out the mail whose turn it is; None: no mail waits."""
        return self._mails.popleft() if self._mails else None

    def remove_mail(self, mail: WaitingMail) -> None:
        """Take out this mail, if it waits."""
        self._mails.remove(mail.envelope.flow, mail)

    def limit_waits(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the timer that ends long waits, if mails wait and it does not run."""
        if self._longest_wait is not None and self._timer is None and self._mails:
            due = self._oldest().since + self._longest_wait
            self._timer = loop.call_at(due, self._end_long_waits, loop, self._longest_wait)

    def _end_long_waits(self, loop: asyncio.AbstractEventLoop, longest_wait: float) -> None:
        self._timer = None
        while self._mails and (mail := self._oldest()).since + longest_wait <= loop.time():
            text = f"All connections to {self._target} were in use for {longest_wait:g} seconds."
            self.remove_mail(mail)
            mail.set_error(NoConnectionFree(text))
        self.limit_waits(loop)

    def _oldest(self) -> WaitingMail:
        """The mail that has waited longest."""
        return min(self._mails.heads(), key=lambda mail: mail.since)
