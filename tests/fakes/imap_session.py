"""A session of the scripted IMAP server (RFC 9051, with RFC 3501's names of what it knows)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.fakes.imap_folders import ImapFolder
from tests.fakes.imap_login import ImapLogin
from tests.fakes.imap_selected import CRLF, Refused, Selected
from tests.fakes.imap_wire import (
    BadCommand,
    parse_command,
    quoted,
    texts,
)

if TYPE_CHECKING:
    from tests.fakes.imap_server import ImapServer

IDLE_POLL = 0.02
NEEDS = {"IDLE": "IDLE", "UID MOVE": "MOVE", "UID EXPUNGE": "UIDPLUS", "UNSELECT": "UNSELECT", "ID": "ID"}
"""What must be announced for a command to be known."""


class ImapSession(ImapLogin):
    """Answers the commands of one client, in order."""

    def __init__(
        self, server: ImapServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(server, reader, writer)
        self.selected: Selected | None = None
        self.enabled: set[str] = set()
        self._any: dict[str, Callable[[], tuple[bytes, str]]] = {
            "CAPABILITY": self._capability,
            "NOOP": lambda: (b"", "OK done"),
            "LOGOUT": self._logout,
            "ID": lambda: (b'* ID ("name" "scripted")\r\n', "OK done"),
            "LOGIN": self._login,
        }
        self._logged_in: dict[str, Callable[[], tuple[bytes, str]]] = {
            "ENABLE": self._enable,
            "LIST": self._list,
            "STATUS": lambda: (self._status(self._folder(0)), "OK done"),
            "SELECT": self._select,
            "EXAMINE": self._select,
            "APPEND": self._append,
        }
        self._in_folder: dict[str, Callable[[Selected], tuple[bytes, str]]] = {
            "UID SEARCH": self._search,
            "UID FETCH": lambda folder: (folder.fetch(self.command), "OK done"),
            "UID STORE": lambda folder: (folder.store(self.command), "OK done"),
            "UID EXPUNGE": lambda folder: self._expunge(folder, self._word(0)),
            "EXPUNGE": lambda folder: self._expunge(folder, None),
            "UID COPY": lambda folder: (b"", f"OK {folder.copy(self._word(0), self._folder(1))}done"),
            "UID MOVE": self._move,
            "FETCH": lambda folder: (folder.fetch_numbers(self.command), "OK done"),
            "UNSELECT": self._unselect,
        }

    async def run(self) -> None:
        """Greet and serve until LOGOUT or until the client is gone."""
        with contextlib.suppress(ConnectionError, ValueError, asyncio.IncompleteReadError):
            await self.send(self.greeting())
            while self._open and (raw := await self._read_command()):
                await self._serve(raw)

    async def _serve(self, raw: bytes) -> None:
        try:
            self.command = parse_command(raw)
        except BadCommand as error:
            await self.send(b"* BAD %s\r\n" % str(error).encode())
            return
        self.server.commands.append(self.command.line)
        await self.send(await self.answer())

    async def answer(self) -> bytes:
        """Return the bytes that answer `command`."""
        match self.command.verb:
            case "STARTTLS":
                return await self._starttls()
            case "AUTHENTICATE":
                return await self._authenticate()
            case "IDLE" if "IDLE" in self.capabilities and self.selected is not None:
                return await self._idle(self.selected)
            case _:
                return self.honest()

    def honest(self) -> bytes:
        """Carry out `command`, which is not STARTTLS, AUTHENTICATE or IDLE, and return its answer."""
        try:
            data, status = self._carry_out()
        except Refused as refusal:
            data, status = b"", str(refusal)
        except (BadCommand, IndexError, ValueError) as error:
            data, status = b"", f"BAD {error}"
        return data + self._changes() + self.tagged(status)

    def _carry_out(self) -> tuple[bytes, str]:
        verb = self.command.verb
        is_missing = NEEDS.get(verb, "IMAP4rev1") not in self.capabilities
        if verb in self._any and not is_missing:
            return self._any[verb]()
        if verb in self._logged_in and self.user is not None:
            return self._logged_in[verb]()
        if verb in self._in_folder and self.selected is not None and not is_missing:
            return self._in_folder[verb](self.selected)
        raise Refused(f"BAD {verb} is not known here")

    def _changes(self) -> bytes:
        return b"" if self.selected is None else self.selected.changes()

    def _folder(self, place: int) -> ImapFolder:
        assert self.user is not None
        folder = self.user.folder(self._word(place))
        if folder is None or "\\Noselect" in folder.attributes:
            raise Refused("NO [NONEXISTENT] there is no such folder")
        return folder

    def _logout(self) -> tuple[bytes, str]:
        self.hang_up()
        self.selected = None
        return b"* BYE see you\r\n", "OK done"

    async def _idle(self, folder: Selected) -> bytes:
        await self.send(b"+ idling\r\n")
        done = asyncio.ensure_future(self.reader.readline())
        try:
            while not (await asyncio.wait({done}, timeout=IDLE_POLL))[0]:
                if said := folder.changes():
                    await self.send(said)
        finally:
            done.cancel()
        return self.tagged("OK done" if done.result().strip().upper() == b"DONE" else "BAD expected DONE")

    def _enable(self) -> tuple[bytes, str]:
        asked = {word.upper() for word in texts(self.command.arguments)}
        now = sorted(asked & set(self.capabilities))
        self.enabled |= set(now)
        return f"* ENABLED {' '.join(now)}".rstrip().encode() + CRLF, "OK done"

    def _list(self) -> tuple[bytes, str]:
        assert self.user is not None
        patterns = [_as_pattern(each) for each in texts(self.command.arguments[1])]
        returned = self.command.arguments[2:]
        with_status = bool(returned) and "STATUS" in self.command.line
        data = b""
        for folder in self.user.folders.values():
            if not any(pattern.fullmatch(folder.name) for pattern in patterns):
                continue
            attributes = " ".join(folder.attributes).encode()
            data += b'* LIST (%s) "%s" %s\r\n' % (attributes, self.server.delimiter, quoted(folder.name))
            if with_status and "\\Noselect" not in folder.attributes:
                data += self._status(folder)
        return data, "OK done"

    def _status(self, folder: ImapFolder) -> bytes:
        known = {"MESSAGES": len(folder.mails), "UIDNEXT": folder.uidnext, "UIDVALIDITY": folder.uidvalidity}
        said = " ".join(f"{name} {value}" for name, value in known.items() if name in self.command.line)
        return b"* STATUS %s (%s)\r\n" % (quoted(folder.name), said.encode())

    def _select(self) -> tuple[bytes, str]:
        self.selected = None
        folder = self._folder(0)
        read_only = self.command.verb == "EXAMINE"
        self.selected = Selected(folder, self.server.oddities, read_only=read_only)
        return self.selected.opening(), f"OK [{'READ-ONLY' if read_only else 'READ-WRITE'}] done"

    def _append(self) -> tuple[bytes, str]:
        *between, raw = self.command.arguments[1:]
        flags = next((texts(each) for each in between if isinstance(each, list)), [])
        assert isinstance(raw, bytes)
        folder = self._folder(0)
        mail = folder.append(raw, flags)
        return b"", f"OK [APPENDUID {folder.uidvalidity} {mail.uid}] done"

    def _search(self, folder: Selected) -> tuple[bytes, str]:
        return folder.search(self.command, extended="ESEARCH" in self.capabilities), "OK done"

    @staticmethod
    def _expunge(folder: Selected, uids: str | None) -> tuple[bytes, str]:
        folder.expunge(uids)
        return b"", "OK done"

    def _move(self, folder: Selected) -> tuple[bytes, str]:
        code = folder.move(self._word(0), self._folder(1))
        return f"* OK {code}moved\r\n".encode(), "OK done"

    def _unselect(self, _: Selected) -> tuple[bytes, str]:
        self.selected = None
        return b"", "OK done"


def _as_pattern(written: str) -> re.Pattern[str]:
    parts = {"*": ".*", "%": "[^/]*"}
    pattern = "".join(parts.get(each) or re.escape(each) for each in written)
    return re.compile(pattern, re.IGNORECASE if written.upper() == "INBOX" else 0)
