"""A session of the demo's POP3 server (RFC 1939, with CAPA, UIDL, STLS, PIPELINING and AUTH PLAIN)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

CRLF = b"\r\n"


class InUse(Exception):
    """Another session has the mailbox open."""


@dataclass(slots=True)
class Maildrop:
    """The mails of one user as (uid, raw mail). One session at a time has it open."""

    password: str
    mails: list[tuple[str, bytes]]
    locked: bool = False
    deletions: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Lock; raises `InUse`."""
        if self.locked:
            raise InUse
        self.locked = True

    def remove(self, mails: list[tuple[str, bytes]]) -> None:
        """Remove mails, as QUIT does; a mail is recognised as the same object, as two may have one uid."""
        gone = {id(mail) for mail in mails}
        self.deletions.extend(uid for uid, _ in mails)
        self.mails[:] = [mail for mail in self.mails if id(mail) not in gone]


class Pop3Session:
    """Answers the commands of one client, in order."""

    def __init__(
        self,
        maildrops: dict[str, Maildrop],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.writer = writer
        self.reader = reader
        self.username = ""
        self._maildrops = maildrops
        self._tls = tls
        self._maildrop: Maildrop | None = None
        self._mails: list[tuple[str, bytes]] = []
        self._deleted: set[int] = set()
        self._open = True
        self._before_login: dict[str, Callable[[str], Awaitable[bytes]]] = {
            "STLS": self._stls,
            "USER": self._user,
            "PASS": self._pass,
            "AUTH": self._auth,
        }
        self._logged_in: dict[str, Callable[[str], bytes]] = {
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "DELE": self._dele,
            "NOOP": lambda _: b"+OK\r\n",
            "RSET": self._rset,
        }

    async def run(self) -> None:
        """Greet and serve until QUIT or until the client is gone; only QUIT removes mails."""
        try:
            with contextlib.suppress(ConnectionError, ValueError):  # ValueError: a line of more than 64 KiB
                self.writer.write(await self.greet())
                while self._open and (line := await self.reader.readline()):
                    self.writer.write(await self.answer(line.rstrip(CRLF).decode("utf-8", "replace")))
                    await self.writer.drain()
        finally:
            if self._maildrop is not None:
                self._maildrop.locked = False
            self.writer.close()

    async def greet(self) -> bytes:
        """Return the greeting."""
        return b"+OK POP3 ready\r\n"

    async def answer(self, line: str) -> bytes:
        """Return the bytes that answer a command line."""
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        if verb == "CAPA":
            return self._capa()
        if verb == "QUIT":
            return self._quit()
        if self._maildrop is None and verb in self._before_login:
            return await self._before_login[verb](argument)
        if self._maildrop is not None and verb in self._logged_in:
            return self._logged_in[verb](argument)
        return b"-ERR this command is not known here\r\n"

    def hang_up(self) -> None:
        """Stop serving after the current answer."""
        self._open = False

    @property
    def capabilities(self) -> list[str]:
        """The lines of the answer to CAPA."""
        offers_tls = self._tls is not None and not self._encrypted
        return ["USER", "UIDL", "PIPELINING", "RESP-CODES", "SASL PLAIN", *(["STLS"] if offers_tls else [])]

    @property
    def _encrypted(self) -> bool:
        return self.writer.get_extra_info("sslcontext") is not None

    def _capa(self) -> bytes:
        return b"+OK\r\n" + "".join(f"{name}\r\n" for name in self.capabilities).encode() + b".\r\n"

    def _quit(self) -> bytes:
        self.hang_up()
        if self._maildrop is not None:
            self._maildrop.remove([self._mails[number - 1] for number in sorted(self._deleted)])
        return b"+OK bye\r\n"

    async def _stls(self, _: str) -> bytes:
        if self._tls is None or self._encrypted:
            return b"-ERR no TLS here\r\n"
        self.writer.write(b"+OK begin TLS\r\n")
        await self.writer.drain()
        await self.writer.start_tls(self._tls)
        return b""

    async def _user(self, argument: str) -> bytes:
        self.username = argument
        return b"+OK\r\n"

    async def _pass(self, argument: str) -> bytes:
        return self._log_in(self.username, argument)

    async def _auth(self, argument: str) -> bytes:
        words = argument.split()
        if not words or words[0].upper() != "PLAIN":
            return b"-ERR this mechanism is not known here\r\n"
        if len(words) == 1:
            self.writer.write(b"+ \r\n")
            await self.writer.drain()
            words.append((await self.reader.readline()).strip().decode("ascii", "replace"))
        try:
            _, self.username, password = base64.b64decode(words[1], validate=True).decode("utf-8").split("\0")
        except (binascii.Error, ValueError):
            return b"-ERR this is no PLAIN response\r\n"
        return self._log_in(self.username, password)

    def _log_in(self, username: str, password: str) -> bytes:
        maildrop = self._maildrops.get(username)
        if maildrop is None or maildrop.password != password:
            return b"-ERR [AUTH] user name or password is wrong\r\n"
        try:
            maildrop.open()
        except InUse:
            return b"-ERR [IN-USE] another session has this mailbox open\r\n"
        self._maildrop, self._mails = maildrop, list(maildrop.mails)
        return b"+OK logged in\r\n"

    @property
    def _left(self) -> list[tuple[int, str, bytes]]:
        return [
            (number, uid, data)
            for number, (uid, data) in enumerate(self._mails, 1)
            if number not in self._deleted
        ]

    def _stat(self, _: str) -> bytes:
        left = self._left
        return b"+OK %d %d\r\n" % (len(left), sum(len(data) for _, _, data in left))

    def _list(self, argument: str) -> bytes:
        return self._listed(argument, [(number, str(len(data))) for number, _, data in self._left])

    def _uidl(self, argument: str) -> bytes:
        return self._listed(argument, [(number, uid) for number, uid, _ in self._left])

    def _listed(self, argument: str, lines: list[tuple[int, str]]) -> bytes:
        if argument:
            for number, value in lines:
                if argument == str(number):
                    return f"+OK {number} {value}\r\n".encode()
            return b"-ERR no such mail\r\n"
        return b"+OK\r\n" + "".join(f"{number} {value}\r\n" for number, value in lines).encode() + b".\r\n"

    def _retr(self, argument: str) -> bytes:
        number = self._number(argument)
        if number is None:
            return b"-ERR no such mail\r\n"
        return b"+OK mail follows\r\n" + stuffed(self._mails[number - 1][1])

    def _dele(self, argument: str) -> bytes:
        number = self._number(argument)
        if number is None:
            return b"-ERR no such mail\r\n"
        self._deleted.add(number)
        return b"+OK marked\r\n"

    def _rset(self, _: str) -> bytes:
        self._deleted.clear()
        return b"+OK\r\n"

    def _number(self, argument: str) -> int | None:
        if argument.isascii() and argument.isdigit() and len(argument) < len("1000000000"):
            number = int(argument)
            if 1 <= number <= len(self._mails) and number not in self._deleted:
                return number
        return None


def stuffed(data: bytes) -> bytes:
    """Return a mail as a multi-line answer (RFC 1939, section 3): dots stuffed, CRLF and dot at its end."""
    body = (CRLF + data).replace(b"\r\n.", b"\r\n..")[2:]
    return body + (b"" if not body or body.endswith(CRLF) else CRLF) + b".\r\n"
