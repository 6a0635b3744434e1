"""What the server said, as frozen values. What answers a command names it; what nobody asked for is dropped,
but for what tells of the mailbox or of the session.

A body up to the limit is in its `Fetched`. A larger one is `BodyStarted`, `BodyData`… and then `Fetched`,
with nothing between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from shared.imap.commands import Command
from shared.imap.status_lines import Condition
from shared.imap.uid_set import UidSet
from shared.model.errors import MailferryError


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first line: OK, PREAUTH (logged in already), or BYE where the server turns us away."""

    condition: Condition
    code: str
    argument: bytes
    text: bytes


class Reply(NamedTuple):
    """The tagged line, which ends the answer to a command.

    `code` is the response code in upper case without its brackets ("AUTHENTICATIONFAILED"; RFC 5530), or "";
    `argument` is what stands behind it in the brackets.
    """

    command: Command
    condition: Condition
    code: str = ""
    argument: bytes = b""
    text: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return self.condition is Condition.OK


@dataclass(frozen=True, slots=True)
class Notice:
    """An untagged OK, NO or BAD: a remark, an `[ALERT]`, a warning about a command that goes on."""

    condition: Condition
    code: str
    argument: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class Bye:
    """The server is about to close the connection; when it does, that is `Broken` unless LOGOUT was sent."""

    code: str
    argument: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class MoreWanted:
    """The server asks for the rest of a command with a literal: call `send_more`."""

    command: Command


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's turn in an AUTHENTICATE exchange, decoded."""

    command: Command
    data: bytes


@dataclass(frozen=True, slots=True)
class IdleStarted:
    """The server tells from now on what happens in the mailbox, until `DONE` is sent."""

    command: Command


@dataclass(frozen=True, slots=True)
class CompressionStarted:
    """Everything from `received` on is compressed, in both directions (RFC 4978)."""

    received: bytes


@dataclass(frozen=True, slots=True)
class Exists:
    """The selected mailbox has so many mails now."""

    count: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Mails left the selected mailbox: EXPUNGE, which does not say which, or VANISHED with their `uids`.

    `earlier`: before the mailbox was selected (QRESYNC; RFC 7162).
    """

    uids: UidSet | None = None
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class MailboxListed:
    """One mailbox of LIST. `raw` is its name as on the wire, for commands; `name` is for people.

    `attributes` are in lower case (`\\noselect`, `\\trash`); `delimiter` is None for a flat name.
    """

    raw: bytes
    name: str
    delimiter: str | None
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """What STATUS tells of a mailbox; None is what it does not tell."""

    raw: bytes
    messages: int | None
    uidnext: int | None
    uidvalidity: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """UIDs that answer a SEARCH, none outside of those asked about; there may be several for one command.

    `count` numbers were sent. Where that is not `len(uids)`, some were no UIDs, came twice, or were not asked
    about, and a missing one proves nothing.
    """

    command: Command
    uids: UidSet
    count: int


@dataclass(frozen=True, slots=True)
class Selected:
    """SELECT or EXAMINE worked; what it told of the mailbox, None where it did not.

    `permanent_flags` are in lower case; `uid_not_sticky`: UIDs hold for this session only.
    """

    command: Command
    exists: int | None = None
    uidvalidity: int | None = None
    uidnext: int | None = None
    permanent_flags: frozenset[str] | None = None
    read_only: bool = False
    uid_not_sticky: bool = False


@dataclass(frozen=True, slots=True)
class BodyStarted:
    """A body of `octets`, too large to be held, begins. `uid` is None where it comes behind the body."""

    uid: int | None
    section: str
    origin: int | None
    octets: int


@dataclass(frozen=True, slots=True)
class BodyData:
    """The next octets of a large body; never empty."""

    data: bytes


class Fetched(NamedTuple):
    """One mail's answer to a FETCH.

    `uid` is 0 where a listing was asked for and the server gave a number that no UID can be. `octets` is the
    size of the body that came, None for NIL; `body` is the body unless it went out in pieces. `origin` is the
    first octet of a part, None for the whole.
    """

    command: Command
    uid: int
    size: int | None = None
    flags: frozenset[str] | None = None
    internal_date: bytes | None = None
    object_id: str = ""
    origin: int | None = None
    octets: int | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """The last event there is: what follows cannot be understood. The events before it are good."""

    error: MailferryError


Event: TypeAlias = (
    Greeting
    | Reply
    | Notice
    | Bye
    | MoreWanted
    | Challenge
    | IdleStarted
    | CompressionStarted
    | Exists
    | Gone
    | MailboxListed
    | MailboxStatus
    | Found
    | Selected
    | BodyStarted
    | BodyData
    | Fetched
    | Broken
)
