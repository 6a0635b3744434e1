"""A connection to the scripted IMAP server up to the login: greeting, lines, TLS and passwords."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING

from tests.fakes.imap_folders import ImapUser
from tests.fakes.imap_selected import Refused
from tests.fakes.imap_wire import ANNOUNCED, Command, text, texts

if TYPE_CHECKING:
    from tests.fakes.imap_server import ImapServer


class ImapLogin:
    """Lets one client in. `command` is the one that is being answered, `user` who is logged in."""

    def __init__(
        self, server: ImapServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.user: ImapUser | None = None
        self.username = ""
        self.command = Command("*", "", [], "")
        self._open = True

    def hang_up(self) -> None:
        """Stop serving after the current answer."""
        self._open = False

    def tagged(self, status: str) -> bytes:
        """Return the tagged line of `command`."""
        return f"{self.command.tag} {status}\r\n".encode()

    async def send(self, data: bytes) -> None:
        """Write, in the pieces that the server is asked for."""
        piece, pause = self.server.piece, self.server.pause
        for start in range(0, len(data), piece) if piece else ():
            self.writer.write(data[start : start + piece])
            await self.writer.drain()
            await asyncio.sleep(pause)
        if not piece:
            self.writer.write(data)
            await self.writer.drain()

    def greeting(self) -> bytes:
        """Return the first line."""
        return f"* OK [CAPABILITY {' '.join(self.capabilities)}] ready\r\n".encode()

    @property
    def capabilities(self) -> list[str]:
        """What is announced now."""
        announced = self.server.capabilities
        can_start_tls = self.server.tls is not None and not self._encrypted and self.user is None
        return [*announced, "STARTTLS"] if can_start_tls else announced

    @property
    def _encrypted(self) -> bool:
        return self.writer.get_extra_info("sslcontext") is not None

    async def _read_command(self) -> bytes:
        """Read a line with its literals."""
        raw = await self.reader.readline()
        while (announced := ANNOUNCED.search(raw)) is not None:
            if not announced[2]:
                await self.send(b"+ go ahead\r\n")
            raw += await self.reader.readexactly(int(announced[1]))
            raw += await self.reader.readline()
        return raw

    def _word(self, place: int) -> str:
        return text(self.command.arguments[place])

    def _capability(self) -> tuple[bytes, str]:
        return f"* CAPABILITY {' '.join(self.capabilities)}\r\n".encode(), "OK done"

    def _login(self) -> tuple[bytes, str]:
        if "LOGINDISABLED" in self.capabilities:
            raise Refused("NO [PRIVACYREQUIRED] start TLS first")
        return b"", self._let_in(self._word(0), self._word(1))

    def _let_in(self, username: str, password: str) -> str:
        user = self.server.users.get(username)
        if user is None or user.password != password:
            return "NO [AUTHENTICATIONFAILED] user name or password is wrong"
        self.user, self.username = user, username
        told = f"[CAPABILITY {' '.join(self.capabilities)}] " if self.server.capabilities_at_login else ""
        return f"OK {told}logged in"

    async def _starttls(self) -> bytes:
        if self.server.tls is None or self._encrypted:
            return self.tagged("BAD no TLS here")
        self.writer.write(self.tagged("OK begin TLS"))
        await self.writer.drain()
        await self.writer.start_tls(self.server.tls)
        return b""

    async def _authenticate(self) -> bytes:
        words = texts(self.command.arguments)
        if words[0].upper() != "PLAIN":
            return self.tagged("NO this mechanism is not known here")
        if len(words) == 1:
            await self.send(b"+ \r\n")
            words.append((await self.reader.readline()).strip().decode("ascii", "replace"))
        elif "SASL-IR" not in self.capabilities:
            return self.tagged("BAD there is no initial response here")
        try:
            _, username, password = base64.b64decode(words[1], validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            return self.tagged("BAD this is no PLAIN response")
        return self.tagged(self._let_in(username, password))
