"""Another client of an IMAP account, by Python's imaplib: what a person does there meanwhile."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.servers.dovecot import INBOX, Login
from tests.servers.ports import LOOPBACK

SECONDS = 20.0
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_UID = re.compile(rb"UID (\d+)")
DELETED = "\\Deleted"


class Refused(Exception):
    """The server did not do what the client asked."""


class ImapClient:
    """A session in one folder. UIDs are given and taken as numbers.

    It selects the folder anew before it looks or changes something: GNU does not tell of new mails otherwise.
    """

    def __init__(self, client: imaplib.IMAP4, folder: str) -> None:
        self._client = client
        self._folder = folder
        self.look()

    def look(self) -> None:
        """Selects the folder as it is now."""
        self._agreed(self._client.select(self._folder))

    def append(self, mail: bytes, folder: str = INBOX) -> None:
        """Adds a mail as it is: imaplib's own method would change bare line ends."""
        self._client.literal = mail  # type: ignore[assignment] # the stubs say text
        self._agreed(self._client._simple_command("APPEND", folder))

    def bodies(self) -> dict[int, bytes]:
        """What the server hands out, by UID."""
        self.look()
        found = self._fetched("(UID BODY.PEEK[])")
        return {_uid(line + behind): body for line, body, behind in found}

    def flags(self) -> dict[int, set[str]]:
        """All flags but \\Recent, which nobody can keep or take away."""
        self.look()
        _, lines = self._client.uid("FETCH", "1:*", "(UID FLAGS)")
        known = [line for line in lines if isinstance(line, bytes) and _UID.search(line)]
        return {_uid(line): _flags_of(line) - {"\\Recent"} for line in known}

    def uids_at(self, places: Iterable[int]) -> list[int]:
        """The UIDs of mails by their place, from 0."""
        uids = list(self.flags())
        return [uids[place] for place in places]

    def mark(self, uids: Iterable[int], flag: str = DELETED) -> None:
        """Sets a flag."""
        self.look()
        self._agreed(self._client.uid("STORE", _set(uids), "+FLAGS", f"({flag})"))

    def expunge(self, uids: Iterable[int]) -> None:
        """Removes mails for good, as a client does that knows no UIDPLUS: what is marked goes."""
        self.mark(uids)
        self._agreed(self._client.expunge())

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Moves mails by COPY, as every client can."""
        self._agreed(self._client.uid("COPY", _set(uids), folder))
        self.expunge(uids)

    def _fetched(self, items: str) -> list[tuple[bytes, bytes, bytes]]:
        _, parts = self._client.uid("FETCH", "1:*", items)
        found = []
        for part, behind in zip(parts, [*parts[1:], b""], strict=True):
            if isinstance(part, tuple):
                found.append((part[0], part[1], behind if isinstance(behind, bytes) else b""))
        return found

    @staticmethod
    def _agreed(answer: tuple[str, object]) -> None:
        if answer[0] != "OK":
            raise Refused(answer)


@contextmanager
def imap_client(port: int, login: Login, folder: str = INBOX) -> Iterator[ImapClient]:
    """A session with `folder` selected; it ends without CLOSE, so that nothing is expunged by it."""
    client = imaplib.IMAP4(LOOPBACK, port, timeout=SECONDS)
    try:
        client.login(login.name, login.password)
        yield ImapClient(client, folder)
    finally:
        with suppress(OSError, imaplib.IMAP4.error):  # it hung up before
            client.logout()


def _uid(line: bytes) -> int:
    found = _UID.search(line)
    assert found is not None, line
    return int(found[1])


def _flags_of(line: bytes) -> set[str]:
    found = _FLAGS.search(line)
    return set(found[1].decode().split()) if found else set()


def _set(uids: Iterable[int]) -> str:
    return ",".join(str(uid) for uid in uids)
