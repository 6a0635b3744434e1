"""An SMTP or LMTP server with a recipient limit for each transaction."""

from __future__ import annotations

import asyncio

from services.standalone.demo.smtp_session import AcceptedMail, SmtpSession
from tests.fakes.smtp_server import ScriptedSession, SmtpServer


class LimitedServer(SmtpServer):
    """Takes `limit` recipients. `refusal` is what the others are told at the moment `when`: RCPT, DATA or
    CONTENT (in LMTP for each recipient). `transactions` has the recipients of each mail that was taken.
    """

    def __init__(self, limit: int, refusal: str, when: str = "RCPT", *, lmtp: bool = False) -> None:
        super().__init__(lmtp=lmtp)
        self.limit, self.refusal, self.when = limit, refusal, when
        self.transactions: list[tuple[str, ...]] = []

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> SmtpSession:
        self.connections += 1
        return LimitedSession(self, reader, writer)


class LimitedSession(ScriptedSession):
    def __init__(
        self, server: LimitedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(server, reader, writer)
        self.limited = server

    async def command(self, verb: str, argument: str) -> str:
        full = len(self._recipients) >= self.limited.limit
        over = len(self._recipients) > self.limited.limit
        if self.limited.when == verb and (full if verb == "RCPT" else over):
            self.limited.commands.append(f"{verb} {argument}".strip())
            return await self._perform(self.limited.refusal) or ""
        return await super().command(verb, argument)

    async def accept(self, mail: AcceptedMail) -> str:
        if self.limited.when == "CONTENT" and len(mail.recipients) > self.limited.limit:
            self.reset_transaction()
            for _ in mail.recipients[1:] if self.limited.lmtp else ():
                self.reply(self.limited.refusal)
            return self.limited.refusal
        self.limited.transactions.append(mail.recipients)
        return await super().accept(mail)
