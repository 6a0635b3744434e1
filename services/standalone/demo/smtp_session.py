"""A session of the demo's SMTP server (RFC 5321)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_COMMAND = 4096  # octets of one command line
READ_SIZE = 262144
CONTENT_END = b"\r\n.\r\n"

_MAIL = re.compile(r"FROM:\s*<([^>]*)>\s*(.*)", re.IGNORECASE)
_RCPT = re.compile(r"TO:\s*<([^>]+)>\s*(.*)", re.IGNORECASE)
_SIZE = re.compile(r"\bSIZE=([0-9]{1,20})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that was answered with 250; `content` is without dot-stuffing."""

    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """What a session offers. `refuse_recipient` returns the reply that refuses a recipient, or None to accept
    it; `on_mail` is given each accepted mail.
    """

    keywords: tuple[str, ...]
    size_limit: int
    refuse_recipient: Callable[[str], str | None]
    on_mail: Callable[[AcceptedMail], None]
    name: str = "mailferry.demo"


class SmtpSession:
    """Answers the commands of one client until one of the two closes the connection."""

    def __init__(
        self, settings: SmtpSettings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.settings = settings
        self.reader = reader
        self.writer = writer
        self.buffer = b""
        self._replies: list[str] = []
        self._reverse_path: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        """Greet and serve."""
        self.reply(await self.greeting())
        while (line := await self.next_line()) is not None:
            verb, _, argument = line.partition(" ")
            reply = await self.command(verb.upper(), argument.strip())
            self.reply(reply)
            if reply.startswith("354"):
                self.reply(await self.content())
            if reply.startswith("221"):
                break
        await self.flush()

    async def greeting(self) -> str:
        """Return the greeting."""
        return f"220 {self.settings.name} ESMTP"

    async def command(self, verb: str, argument: str) -> str:
        """Return the reply to a command."""
        match verb:
            case "EHLO":
                self.reset_transaction()
                return multiline(250, [self.settings.name, *self.settings.keywords])
            case "HELO" | "RSET":
                self.reset_transaction()
                return "250 2.0.0 OK"
            case "MAIL":
                return self._mail(argument)
            case "RCPT":
                return self._rcpt(argument)
            case "DATA":
                return "354 End with a lone dot" if self._recipients else "503 5.5.1 No valid recipients"
            case "NOOP":
                return "250 2.0.0 OK"
            case "QUIT":
                return "221 2.0.0 Bye"
            case _:
                return "502 5.5.2 Command not known"

    async def content(self) -> str:
        """Read the content of a mail up to the lone dot, and the reply to it."""
        data = await self._until_final_dot()
        if data is None:
            return "451 4.3.0 Incomplete"
        if len(data) > self.settings.size_limit:
            self.reset_transaction()
            return "552 5.3.4 Too large"
        return await self.accept(AcceptedMail(self._reverse_path or "", tuple(self._recipients), data))

    async def accept(self, mail: AcceptedMail) -> str:
        """Take a complete mail; return the reply."""
        self.settings.on_mail(mail)
        self.reset_transaction()
        return "250 2.0.0 Accepted"

    def reply(self, reply: str) -> None:
        """Answer; replies to pipelined commands are sent together (RFC 2920, section 3.2)."""
        self._replies.append(reply)

    async def flush(self) -> None:
        """Send the replies that were collected."""
        data = "".join(f"{reply}\r\n" for reply in self._replies).encode("latin-1")
        self._replies.clear()
        await self.transmit(data)

    async def transmit(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def next_line(self) -> str | None:
        """Return the next command line; None if the client is gone, or sends no end of line."""
        while b"\n" not in self.buffer:
            if len(self.buffer) > MAX_COMMAND or not await self._more():
                return None
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    async def _more(self) -> bool:
        await self.flush()
        data = await self.reader.read(READ_SIZE)
        self.buffer += data
        return bool(data)

    async def _until_final_dot(self) -> bytes | None:
        """Return the content before the final dot, without dot-stuffing; None if the client leaves before.

        The line end of the DATA command is put in front, so that the dot of an empty mail is found, too.
        """
        pieces = bytearray(b"\r\n" + self.buffer)
        self.buffer = b""
        searched = 0
        while (end := pieces.find(CONTENT_END, searched)) < 0:
            searched = max(0, len(pieces) - len(CONTENT_END) + 1)
            if not await self._more():
                return None
            pieces += self.buffer
            self.buffer = b""
        self.buffer = bytes(pieces[end + len(CONTENT_END) :])
        return bytes(pieces[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]

    def _mail(self, argument: str) -> str:
        match = _MAIL.fullmatch(argument)
        if match is None:
            return "501 5.5.4 MAIL FROM:<address> is expected"
        if self._reverse_path is not None:
            return "503 5.5.1 Nested MAIL"
        size = _SIZE.search(match[2])
        if size is not None and int(size[1]) > self.settings.size_limit:
            return "552 5.3.4 Too large"
        self._reverse_path = match[1]
        return "250 2.1.0 OK"

    def _rcpt(self, argument: str) -> str:
        match = _RCPT.fullmatch(argument)
        if match is None:
            return "501 5.5.4 RCPT TO:<address> is expected"
        if self._reverse_path is None:
            return "503 5.5.1 MAIL first"
        refusal = self.settings.refuse_recipient(match[1])
        if refusal is None:
            self._recipients.append(match[1])
        return refusal or "250 2.1.5 OK"

    def reset_transaction(self) -> None:
        """End the open transaction, if there is one."""
        self._reverse_path = None
        self._recipients = []


def multiline(code: int, lines: list[str]) -> str:
    """Return a reply of several lines, without the last line end."""
    *first, last = lines
    return "\r\n".join([*(f"{code}-{line}" for line in first), f"{code} {last}"])
