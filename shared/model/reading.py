"""How the mail of an account is read at its source, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Oversize(StrEnum):
    """What becomes of a mail larger than the account takes: it is left at its source, or read and parked."""

    LEAVE = "leave"
    PARK = "park"


class Pipelining(StrEnum):
    """Whether commands run ahead of their answers: where the server announces it, in any case, or never."""

    ANNOUNCED = "announced"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Caps:
    """What a server may send at most, in octets: a guard against one that sends without end.

    `line`: a status line. `listing`: the text of one listing. `mail`: one mail. `session`: everything in one
    session.
    """

    line: int = 8 * KIB
    listing: int = 64 * MIB
    mail: int = 2 * GIB
    session: int = 64 * GIB


@dataclass(frozen=True, slots=True)
class Reading:
    """How mail is read. Of the limits, 0 stands for none.

    One pass reads `max_messages` mails and `max_bytes` octets at most, and at least one mail; the next goes
    on at once. `max_size` is the largest mail that is taken, in octets; `oversize` says what becomes of a
    larger one. `session_deadline`: seconds after which a session asks for no more mail. With `use_top` mails
    are read by TOP instead of RETR.
    """

    max_messages: int = 0
    max_bytes: int = 0
    max_size: int = 0
    oversize: Oversize = Oversize.LEAVE
    session_deadline: float = 6 * 3600.0
    use_top: bool = False
    pipelining: Pipelining = Pipelining.ANNOUNCED
    caps: Caps = Caps()
