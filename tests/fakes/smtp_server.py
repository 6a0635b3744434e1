"""An SMTP server that misbehaves by script, and otherwise behaves properly."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto

from services.standalone.demo.smtp_session import AcceptedMail, SmtpSession, multiline
from services.standalone.demo.smtp_target import SIZE_LIMIT, SmtpTarget
from tests.fakes.certificates import Certificate


class Act(Enum):
    """What the server does instead of sending a scripted reply.

    PROPERLY: it answers properly. HOLD: the same, after `SmtpServer.released` is set.
    """

    PROPERLY = auto()
    HOLD = auto()
    SILENCE = auto()
    HANG_UP = auto()
    RESET = auto()


class Left(ConnectionError):
    """The server has performed its act and sends no reply."""


Scripted = str | Act
KEYWORDS = ("PIPELINING", "8BITMIME", f"SIZE {SIZE_LIMIT}")


class SmtpServer(SmtpTarget):
    """A server with a script.

    `replies`: by verb, or GREETING, MIDDLE (of the content), CONTENT (after the lone dot) or CHUNK (a BDAT
    that is not the last). A sequence is used up one by one, and its last element stays. After a 421 the
    server closes. `recipients`: the reply to RCPT by address. `users`: passwords by name, for AUTH PLAIN and
    LOGIN. `certificate`: STARTTLS is offered. With `lmtp`, CONTENT is answered for each recipient.

    `seen` has the mails that were read to the lone dot, `accepted` those of them that were not refused, and
    `delivered` the recipient and content of each LMTP delivery.
    """

    def __init__(
        self,
        *,
        replies: Mapping[str, Scripted | Sequence[Scripted]] | None = None,
        recipients: Mapping[str, Scripted] | None = None,
        keywords: Sequence[str] = KEYWORDS,
        users: Mapping[str, str] | None = None,
        certificate: Certificate | None = None,
        byte_by_byte: bool = False,
        lmtp: bool = False,
    ) -> None:
        super().__init__()
        self.script = {verb: _sequence(reply) for verb, reply in (replies or {}).items()}
        self.recipients = dict(recipients or {})
        self.users = dict(users or {})
        self.certificate = certificate
        self.byte_by_byte = byte_by_byte
        self.lmtp = lmtp
        self.delivered: list[tuple[str, bytes]] = []
        self.settings = replace(self.settings, keywords=tuple(keywords))
        self.seen: list[AcceptedMail] = []
        self.mail_seen = asyncio.Event()
        self.released = asyncio.Event()
        self.quit_seen = asyncio.Event()
        self.commands: list[str] = []
        self.connections = 0

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> SmtpSession:
        self.connections += 1
        return ScriptedSession(self, reader, writer)

    def scripted(self, moment: str) -> Scripted | None:
        """Return the script's next reply for this moment."""
        replies = self.script.get(moment)
        if replies is None:
            return None
        return replies.pop(0) if len(replies) > 1 else replies[0]


class ScriptedSession(SmtpSession):
    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(server.settings, reader, writer)
        self.server = server
        self.secured = False
        self.chunks: list[bytes] = []

    async def greeting(self) -> str:
        return await self._perform(self.server.scripted("GREETING")) or await super().greeting()

    async def command(self, verb: str, argument: str) -> str:
        self.server.commands.append(f"{verb} {argument}".strip())
        if verb == "QUIT":
            self.server.quit_seen.set()
        scripted = self.server.scripted(verb)
        if scripted is None and verb == "RCPT":
            scripted = self.server.recipients.get(argument[argument.find("<") + 1 : argument.rfind(">")])
        performed = await self._perform(scripted)
        if performed is not None:
            return performed
        if verb == "STARTTLS" and self.server.certificate is not None:
            return await self._start_tls(self.server.certificate)
        if verb == "AUTH":
            return await self._authenticate(argument)
        if verb == "BDAT":
            return await self._chunk(argument)
        if verb == ("EHLO" if self.server.lmtp else "LHLO"):
            return "500 5.5.1 Another protocol is spoken here"
        reply = await super().command("EHLO" if verb == "LHLO" else verb, argument)
        return self._with_offers(reply) if verb in {"EHLO", "LHLO"} else reply

    async def content(self) -> str:
        middle = self.server.scripted("MIDDLE")
        if middle is not None:
            await self.flush()
            await self.reader.read(1)
            self.reply(str(await self._perform(middle)))
            await self.flush()
            raise Left
        return await super().content()

    async def accept(self, mail: AcceptedMail) -> str:
        self.server.seen.append(mail)
        self.server.mail_seen.set()
        if self.server.lmtp:
            return await self._accept_for_each(mail)
        scripted = await self._perform(self.server.scripted("CONTENT"))
        if scripted is None or scripted.startswith("2"):
            accepted = await super().accept(mail)
            return scripted or accepted
        self.reset_transaction()
        return scripted

    async def _accept_for_each(self, mail: AcceptedMail) -> str:
        """Answer as LMTP does: the script has a reply for each accepted recipient."""
        for recipient in mail.recipients:
            answer = await self._perform(self.server.scripted("CONTENT")) or "250 2.0.0 Accepted"
            self.reply(answer)
            if answer.startswith("2"):
                self.server.delivered.append((recipient, mail.content))
        self.reset_transaction()
        return ""

    async def _chunk(self, argument: str) -> str:
        octets, _, last = argument.partition(" ")
        while len(self.buffer) < int(octets):
            if not await self._more():
                raise Left
        self.chunks.append(self.buffer[: int(octets)])
        self.buffer = self.buffer[int(octets) :]
        if not self._recipients:
            return "503 5.5.1 No valid recipients"
        if last != "LAST":
            return await self._perform(self.server.scripted("CHUNK")) or f"250 2.0.0 {octets} octets"
        content = b"".join(self.chunks)
        self.chunks.clear()
        return await self.accept(AcceptedMail(self._reverse_path or "", tuple(self._recipients), content))

    def reply(self, reply: str) -> None:
        """Send the reply to STARTTLS before TLS begins; return an empty reply, which is not sent."""
        if reply:
            super().reply(reply)

    async def transmit(self, data: bytes) -> None:
        if not self.server.byte_by_byte:
            return await super().transmit(data)
        for position in range(len(data)):
            await super().transmit(data[position : position + 1])
            await asyncio.sleep(0)
        return None

    async def _perform(self, scripted: Scripted | None) -> str | None:
        """Perform a scripted act or return a scripted reply; after a 421 the server closes."""
        if isinstance(scripted, str) and not scripted.startswith("421"):
            return scripted
        if scripted is None or scripted is Act.PROPERLY:
            return None
        if isinstance(scripted, str):
            self.reply(scripted)
        await self.flush()
        if scripted is Act.HOLD:
            await self.server.released.wait()
            return None
        if scripted is Act.SILENCE:
            await self.reader.read()
        if scripted is Act.RESET:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        raise Left

    def _with_offers(self, reply: str) -> str:
        lines = [line[4:] for line in reply.split("\r\n")]
        if self.server.certificate is not None and not self.secured:
            lines.append("STARTTLS")
        if self.server.users:
            lines.append("AUTH PLAIN LOGIN")
        return multiline(250, lines)

    async def _start_tls(self, certificate: Certificate) -> str:
        self.reply("220 2.0.0 Go ahead")
        await self.flush()
        await self._secure(certificate.server_context())
        self.secured = True
        self.reset_transaction()
        return ""

    async def _secure(self, context: ssl.SSLContext) -> None:
        """Do what `StreamWriter.start_tls` does, which fails if the client leaves in the handshake."""
        plain = self.writer.transport
        protocol = plain.get_protocol()
        assert isinstance(protocol, asyncio.StreamReaderProtocol)
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(plain, protocol, context, server_side=True)
        except ssl.SSLError:
            raise Left from None
        if secured is None:
            raise Left
        self.writer._transport = secured  # type: ignore[attr-defined]  # asyncio's own way
        protocol._replace_writer(self.writer)  # type: ignore[attr-defined]  # asyncio's own way

    async def _authenticate(self, argument: str) -> str:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, name, password = (_decoded(initial) if initial else await self._ask("")).split("\0")
        elif mechanism.upper() == "LOGIN":
            name, password = await self._ask("Username:"), await self._ask("Password:")
        else:
            return "504 5.5.4 Mechanism not known"
        return "235 2.7.0 Welcome" if self.server.users.get(name) == password else "535 5.7.8 Wrong"

    async def _ask(self, challenge: str) -> str:
        self.reply("334 " + base64.b64encode(challenge.encode()).decode())
        answer = await self.next_line()
        if answer is None:
            raise Left
        return _decoded(answer)


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def _sequence(reply: Scripted | Sequence[Scripted]) -> list[Scripted]:
    return [reply] if isinstance(reply, str | Act) else list(reply)
