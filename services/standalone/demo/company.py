"""The company's mail server in the demonstration: the bundled target, with the moods that real ones have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from typing_extensions import override

from services.standalone.demo.people import CLOSED, FORBIDDEN, GREYLISTED, UNKNOWN
from services.standalone.demo.smtp_session import AcceptedMail, Behaviour, Session
from services.standalone.demo.smtp_target import SmtpTarget


class Company(SmtpTarget):
    """Does not know some recipients, greylists one, and refuses some content.

    `on_change` is told of each mail that it took.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__(refuse_recipient=self._refusal)
        self._on_change = on_change
        self._seen: set[str] = set()

    @override
    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Session:
        return _Scanning(self.behaviour, reader, writer, self._on_change)

    def _refusal(self, recipient: str) -> str | None:
        if recipient in UNKNOWN:
            return "550 5.1.1 No such user here"
        if recipient == CLOSED:
            return "550 5.7.1 This mailbox takes no mail from outside"
        if recipient == GREYLISTED and recipient not in self._seen:
            self._seen.add(recipient)
            return "451 4.7.1 Greylisted, come back in a second"
        return None


class _Scanning(Session):
    """Looks into the mail before it takes it."""

    def __init__(
        self,
        behaviour: Behaviour,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(behaviour, reader, writer)
        self._on_change = on_change

    @override
    async def accept(self, mail: AcceptedMail) -> str:
        if FORBIDDEN in mail.content[:4096]:
            self.forget()
            return "554 5.7.0 A virus was found"
        reply = await super().accept(mail)
        self._on_change()
        return reply
