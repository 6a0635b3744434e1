"""The commands of the scripted IMAP server about the mails of the selected folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.fakes.imap_folders import DELETED, SEEN, ImapFolder, ImapMail
from tests.fakes.imap_wire import BadCommand, Command, as_set, in_set, literal, text, texts

CRLF = b"\r\n"
_SECTION = re.compile(r"BODY(\.PEEK)?\[(HEADER|)\](?:<(\d+)\.(\d+)>)?")
_FLAGS = "(\\Answered \\Flagged \\Deleted \\Seen \\Draft)"

Items = list[tuple[str, bytes]]


class Refused(Exception):
    """The command fails; the text is the tagged line without its tag."""


def joined(number: int, items: Items) -> bytes:
    """Return the line that answers FETCH for one mail."""
    return b"* %d FETCH (" % number + b" ".join(b"%s %s" % (n.encode(), v) for n, v in items) + b")\r\n"


@dataclass(slots=True)
class Oddities:
    """What the server does otherwise with mails; each can be changed at any time.

    `body` makes of an octet string and the mail what stands behind `BODY[]`, a literal otherwise. `line`
    makes a line of a mail's number and its items. `before_line` is called before each mail of a FETCH of
    bodies, and returns what is sent there. `hides` are UIDs that neither SEARCH nor a FETCH without a
    body shows. `size` is what RFC822.SIZE says. `silent_bodies`: a FETCH of a body leaves these UIDs out.
    `keeps`: UIDs that no EXPUNGE removes, although it says so.
    """

    body: Callable[[bytes, ImapMail], bytes] = lambda raw, _: literal(raw)
    line: Callable[[int, Items], bytes] = joined
    before_line: Callable[[Selected, ImapMail], bytes] = lambda _, __: b""
    size: Callable[[ImapMail], int] = lambda mail: len(mail.raw)
    hides: Collection[int] = ()
    silent_bodies: Collection[int] = ()
    keeps: set[int] = field(default_factory=set)


class Selected:
    """A folder as one session has it selected: `view` is what the client knows of, by sequence number."""

    def __init__(self, folder: ImapFolder, oddities: Oddities, *, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.view = list(folder.mails)
        self._oddities = oddities

    def opening(self) -> bytes:
        """Return the data of SELECT and EXAMINE."""
        folder = self.folder
        permanent = "()" if self.read_only else _FLAGS
        lines = [
            f"* FLAGS {_FLAGS}",
            f"* OK [PERMANENTFLAGS {permanent}] these are kept",
            f"* {len(self.view)} EXISTS",
            "* 0 RECENT",
            f"* OK [UIDVALIDITY {folder.uidvalidity}] UIDs are valid",
            f"* OK [UIDNEXT {folder.uidnext}] next",
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def changes(self) -> bytes:
        """Return what other clients did since the last answer, and take it over."""
        there = {id(mail) for mail in self.folder.mails}
        said = b""
        for number in range(len(self.view), 0, -1):
            if id(self.view[number - 1]) not in there:
                del self.view[number - 1]
                said += b"* %d EXPUNGE\r\n" % number
        known = {id(mail) for mail in self.view}
        if added := [mail for mail in self.folder.mails if id(mail) not in known]:
            self.view += added
            said += b"* %d EXISTS\r\n" % len(self.view)
        return said

    def search(self, command: Command, *, extended: bool) -> bytes:
        """UID SEARCH; the answer is an ESEARCH where RETURN was asked for and is `extended`."""
        words = command.arguments
        returns = extended and words[:1] == [b"RETURN"]
        found = self._listed()
        criteria = [text(each).upper() for each in words[2 if returns else 0 :]]
        while criteria:
            found = self._narrowed(found, criteria)
        uids = [mail.uid for mail in found]
        if not returns:
            return b"* SEARCH" + b"".join(b" %d" % uid for uid in uids) + CRLF
        what = f" ALL {as_set(uids)}" if uids else ""
        return f'* ESEARCH (TAG "{command.tag}") UID{what}\r\n'.encode()

    @staticmethod
    def _narrowed(found: list[ImapMail], criteria: list[str]) -> list[ImapMail]:
        match criteria.pop(0):
            case "ALL":
                return found
            case "DELETED":
                return [mail for mail in found if DELETED in mail.flags]
            case "UNDELETED":
                return [mail for mail in found if DELETED not in mail.flags]
            case "UID" if criteria:
                chosen = set(in_set(criteria.pop(0), [mail.uid for mail in found]))
                return [mail for mail in found if mail.uid in chosen]
            case other:
                raise BadCommand(f"SEARCH does not know {other}")

    def fetch(self, command: Command) -> bytes:
        """UID FETCH."""
        asked = [item.upper() for item in texts(command.arguments[1])]
        with_body = any(item.startswith("BODY") for item in asked)
        answer = b""
        for mail in self._chosen(text(command.arguments[0])):
            if mail.uid in (self._oddities.silent_bodies if with_body else self._oddities.hides):
                continue
            if with_body:
                answer += self._oddities.before_line(self, mail)
            if mail in self.view and mail in self.folder.mails:
                answer += self._oddities.line(self.view.index(mail) + 1, self._items(mail, asked))
        return answer

    def fetch_numbers(self, command: Command) -> bytes:
        """FETCH of UIDs by sequence numbers."""
        if [item.upper() for item in texts(command.arguments[1])] != ["UID"]:
            raise BadCommand("FETCH by sequence number knows UID alone")
        numbers = in_set(text(command.arguments[0]), range(1, len(self.view) + 1))
        return b"".join(joined(n, self._items(self.view[n - 1], [])) for n in numbers)

    def _items(self, mail: ImapMail, asked: list[str]) -> Items:
        items: Items = [("UID", b"%d" % mail.uid)]
        for item in asked:
            match item:
                case "UID":
                    pass
                case "RFC822.SIZE":
                    items.append((item, b"%d" % self._oddities.size(mail)))
                case "FLAGS":
                    items.append((item, b"(" + " ".join(sorted(mail.flags)).encode() + b")"))
                case "INTERNALDATE":
                    items.append((item, b'"02-Mar-2026 09:30:00 +0100"'))
                case "EMAILID":
                    items.append((item, b"(" + mail.object_id.encode() + b")"))
                case _:
                    items.append(self._body(mail, item))
        return items

    def _body(self, mail: ImapMail, item: str) -> tuple[str, bytes]:
        asked = _SECTION.fullmatch(item)
        if asked is None:
            raise BadCommand(f"FETCH does not know {item}")
        peek, section, origin, octets = asked.groups()
        if not peek and not self.read_only:
            mail.flags.add(SEEN)
        data = header_of(mail.raw) if section else mail.raw
        name = f"BODY[{section}]"
        if origin is not None:
            name += f"<{origin}>"
            data = data[int(origin) : int(origin) + int(octets)]
        return name, literal(data) if section else self._oddities.body(data, mail)

    def store(self, command: Command) -> bytes:
        """UID STORE."""
        self._check_writable()
        how, flags = text(command.arguments[1]).upper(), texts(command.arguments[2])
        answer = b""
        for mail in self._chosen(text(command.arguments[0])):
            if how.startswith("+"):
                mail.flags |= set(flags)
            elif how.startswith("-"):
                mail.flags -= set(flags)
            else:
                mail.flags = set(flags)
            if not how.endswith(".SILENT"):
                said = self._items(mail, ["FLAGS"])
                answer += joined(self.view.index(mail) + 1, said)
        return answer

    def expunge(self, uids: str | None) -> None:
        """EXPUNGE, or UID EXPUNGE of these; what went is said with the changes."""
        self._check_writable()
        among = self.view if uids is None else self._chosen(uids)
        going = {mail.uid for mail in among if DELETED in mail.flags} - self._oddities.keeps
        self.folder.expunge(going)

    def copy(self, uids: str, to: ImapFolder) -> str:
        """Copy mails; return the response code that says under which UIDs."""
        mails = self._chosen(uids)
        copies = [to.append(mail.raw, mail.flags - {DELETED}, mail.object_id) for mail in mails]
        if not mails:
            return ""
        old, new = as_set(mail.uid for mail in mails), as_set(mail.uid for mail in copies)
        return f"[COPYUID {to.uidvalidity} {old} {new}] "

    def move(self, uids: str, to: ImapFolder) -> str:
        """Move mails; return the response code that says under which UIDs."""
        self._check_writable()
        code = self.copy(uids, to)
        self.folder.remove({mail.uid for mail in self._chosen(uids)})
        return code

    def _check_writable(self) -> None:
        if self.read_only:
            raise Refused("NO [READ-ONLY] the folder is selected by EXAMINE")

    def _listed(self) -> list[ImapMail]:
        return [mail for mail in self.view if mail.uid not in self._oddities.hides]

    def _chosen(self, uids: str) -> list[ImapMail]:
        chosen = set(in_set(uids, [mail.uid for mail in self.view]))
        return [mail for mail in self.view if mail.uid in chosen]


def header_of(raw: bytes) -> bytes:
    """Return the header with the empty line behind it."""
    header, separator, _ = raw.partition(b"\r\n\r\n")
    return header + separator
