"""The mails of the scripted IMAP server: users, their folders, UIDs and flags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

DELETED = "\\Deleted"
SEEN = "\\Seen"
UIDVALIDITY = 1_700_000_000


@dataclass(slots=True, eq=False)
class ImapMail:
    """One mail of a folder."""

    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)
    object_id: str = ""


class ImapFolder:
    """A folder. Tests change it as another client would; sessions that have it selected are told with their
    next answer.

    `name` is the name as on the wire. `expunged` are the mails that sessions expunged, `removed` those that
    went otherwise.
    """

    def __init__(self, name: str, mails: Iterable[bytes] = (), attributes: Sequence[str] = ()) -> None:
        self.name = name
        self.attributes = tuple(attributes)
        self.uidvalidity = UIDVALIDITY
        self.uidnext = 1
        self.mails: list[ImapMail] = []
        self.expunged: list[ImapMail] = []
        self.removed: list[ImapMail] = []
        for raw in mails:
            self.append(raw)

    @property
    def uids(self) -> list[int]:
        return [mail.uid for mail in self.mails]

    def append(self, raw: bytes, flags: Iterable[str] = (), object_id: str = "") -> ImapMail:
        """Add a mail with the next UID."""
        mail = ImapMail(self.uidnext, raw, set(flags), object_id or f"M{id(self):x}{self.uidnext}")
        self.uidnext += 1
        self.mails.append(mail)
        return mail

    def mail(self, uid: int) -> ImapMail:
        return next(mail for mail in self.mails if mail.uid == uid)

    def expunge(self, uids: Collection[int]) -> None:
        """Remove mails as EXPUNGE does."""
        self.expunged += [mail for mail in self.mails if mail.uid in uids]
        self.mails = [mail for mail in self.mails if mail.uid not in uids]

    def remove(self, uids: Collection[int]) -> None:
        """Remove mails as another client does, for good or to another folder."""
        self.removed += [mail for mail in self.mails if mail.uid in uids]
        self.mails = [mail for mail in self.mails if mail.uid not in uids]

    def rebuild(self, order: Callable[[list[ImapMail]], Iterable[ImapMail]] = iter) -> None:
        """Give all mails new UIDs from 1 on, in another `order`, under another UIDVALIDITY."""
        self.uidvalidity += 1
        self.mails = [
            ImapMail(uid, mail.raw, mail.flags, mail.object_id)
            for uid, mail in enumerate(order(list(self.mails)), 1)
        ]
        self.uidnext = len(self.mails) + 1


class ImapUser:
    """One user's folders; INBOX is always there."""

    def __init__(self, password: str, folders: Mapping[str, Iterable[bytes]]) -> None:
        self.password = password
        self.folders = {"INBOX": ImapFolder("INBOX")}
        for name, mails in folders.items():
            self.folders[name] = ImapFolder(name, mails)

    def folder(self, name: str) -> ImapFolder | None:
        """Return the folder with this name; INBOX is known in any case (RFC 9051, section 5.1)."""
        return self.folders.get("INBOX" if name.upper() == "INBOX" else name)
