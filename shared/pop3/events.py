"""What the server said. Each answer names its command.

An -ERR to any command is a `Reply`. A multi-line answer (CAPA, UIDL, LIST, RETR) is one `Body` if it is small
enough, else `BodyStarted`, `BodyData`… and `BodyEnded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from shared.model.errors import MailferryError
from shared.model.source_errors import SourceViolation
from shared.pop3.commands import Command


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first line; `ok` is False where it refuses the session."""

    ok: bool
    code: str
    text: bytes


class Reply(NamedTuple):
    """A status line that is the whole answer.

    `code` is the response code in upper case without its brackets ("IN-USE", "SYS/TEMP"; RFC 2449, section
    8), or "".
    """

    command: Command
    ok: bool
    code: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's turn in an AUTH exchange (RFC 5034), decoded."""

    command: Command
    data: bytes


class Body(NamedTuple):
    """A complete multi-line answer, dots unstuffed, the terminating line left out.

    `unstuffed` counts the dots that were removed. `saw_bare_dot`: a line began with a single dot, so the
    server does not stuff dots.
    """

    command: Command
    data: bytes
    unstuffed: int = 0
    saw_bare_dot: bool = False


@dataclass(frozen=True, slots=True)
class BodyStarted:
    """An answer too large to be held begins."""

    command: Command


@dataclass(frozen=True, slots=True)
class BodyData:
    """The next bytes of a large answer; never empty."""

    command: Command
    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """A large answer is complete; `octets` is the sum of its bytes; the rest as in `Body`."""

    command: Command
    octets: int
    unstuffed: int = 0
    saw_bare_dot: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line came instead of a status line: noise before the answer, or all that comes of the answer.

    `violation` is the error where noise is not tolerated.
    """

    violation: SourceViolation


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer to this command will come, as the answer to a later one was recognised."""

    command: Command


@dataclass(frozen=True, slots=True)
class Broken:
    """The last event: what follows cannot be understood. The events before it are good."""

    error: MailferryError


Event: TypeAlias = (
    Greeting
    | Reply
    | Challenge
    | Body
    | BodyStarted
    | BodyData
    | BodyEnded
    | Unreadable
    | Unanswered
    | Broken
)
