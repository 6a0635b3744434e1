"""What an attempt needs to know of the targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.smtp.envelope import Content, Envelope, RecipientReply


class Transport(Protocol):
    """Sends mails to the targets."""

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: Content
    ) -> Sequence[RecipientReply]:
        """Send a mail to a target; raises MailferryError if no recipient was answered for."""
        ...


class RecipientLimits(Protocol):
    """The recipients that each target accepts in one transaction, as far as it has said so."""

    def recipient_limit(self, target: str) -> int | None:
        """Return the limit; None: not known."""
        ...

    def learn_recipient_limit(self, target: str, number: int) -> None:
        """Note that the target refused more than `number` recipients as too many."""
        ...
