"""What an attempt needs of the way to a target, and what it sends on it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from typing import Protocol

from shared.smtp.envelope import Envelope, RecipientReply

Content = bytes | AsyncIterable[bytes]


class Transport(Protocol):
    """The ways to the targets, by name."""

    async def send(self, target: str, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """Hand a mail to a target; raises MailferryError where no recipient was answered for."""
        ...


class LearntLimits(Protocol):
    """How many recipients the targets take in one transaction, as far as they have said so."""

    def recipients(self, target: str) -> int | None:
        """The most that the target takes; None: it has not said so."""
        ...

    def learn_recipients(self, target: str, number: int) -> None:
        """The target said that more than `number` recipients are too many."""
        ...
