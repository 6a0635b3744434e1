"""The two servers of the demo: the provider's POP3 server and the company's SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from typing_extensions import override

from services.standalone.demo.letters import Letter
from services.standalone.demo.people import CLOSED, FORBIDDEN, GREYLISTED, UNKNOWN
from services.standalone.demo.pop3_session import Pop3Session
from services.standalone.demo.pop3_source import Pop3Source
from services.standalone.demo.smtp_session import AcceptedMail, SmtpSession, SmtpSettings
from services.standalone.demo.smtp_target import SmtpTarget


class Provider(Pop3Source):
    """The POP3 server of the provider, with the letters in its mailboxes.

    `retrieved` counts the mails that it has sent. `on_change` is called after every command.
    """

    def __init__(self, letters: Sequence[Letter], password: str, on_change: Callable[[], None]) -> None:
        mailboxes: dict[str, list[tuple[str, bytes]]] = {}
        for letter in letters:
            mailboxes.setdefault(letter.mailbox, []).append((letter.uid, letter.raw))
        super().__init__(mailboxes, password=password)
        self._on_change = on_change
        self.retrieved = 0

    @property
    def deleted(self) -> int:
        """Return how many mails were deleted through POP3."""
        return sum(len(drop.deletions) for drop in self.maildrops.values())

    def left(self, mailbox: str) -> list[str]:
        """Return the uids of the mails that are still in a mailbox."""
        return [uid for uid, _ in self.maildrops[mailbox].mails]

    @override
    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        return _CountingSession(self, reader, writer, self._on_change)


class _CountingSession(Pop3Session):
    def __init__(
        self,
        provider: Provider,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(provider.maildrops, reader, writer)
        self._provider = provider
        self._on_change = on_change

    @override
    async def answer(self, line: str) -> bytes:
        answer = await super().answer(line)
        if line.upper().startswith("RETR ") and answer.startswith(b"+OK"):
            self._provider.retrieved += 1
        self._on_change()
        return answer


class Company(SmtpTarget):
    """The SMTP server of the company: it does not know some recipients, greylists one, and refuses some
    content.

    `on_change` is called after each accepted mail.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__(refuse_recipient=self._refusal)
        self._on_change = on_change
        self._greylisted: set[str] = set()

    @override
    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> SmtpSession:
        return _ScanningSession(self.settings, reader, writer, self._on_change)

    def _refusal(self, recipient: str) -> str | None:
        if recipient in UNKNOWN:
            return "550 5.1.1 No such user here"
        if recipient == CLOSED:
            return "550 5.7.1 This mailbox takes no mail from outside"
        if recipient == GREYLISTED and recipient not in self._greylisted:
            self._greylisted.add(recipient)
            return "451 4.7.1 Greylisted, come back in a second"
        return None


class _ScanningSession(SmtpSession):
    """Looks into a mail before it accepts it."""

    def __init__(
        self,
        settings: SmtpSettings,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(settings, reader, writer)
        self._on_change = on_change

    @override
    async def accept(self, mail: AcceptedMail) -> str:
        if FORBIDDEN in mail.content[:4096]:
            self.reset_transaction()
            return "554 5.7.0 A virus was found"
        reply = await super().accept(mail)
        self._on_change()
        return reply
