"""How the mail of an account is read at its source, and how much of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.model.duration import Duration
from shared.model.setting import Settings, duration, only_for, setting, size
from shared.model.size import Size

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
DAY = 86_400.0
SHORTEST_LINE_LIMIT = 512
"""RFC 2449, section 4: the length of a line that any client must be ready for."""


class Oversize(StrEnum):
    """What becomes of a mail larger than the account takes: it is left at its source, or read and parked."""

    LEAVE = "leave"
    PARK = "park"


class Pipelining(StrEnum):
    """Whether commands run ahead of their answers: where the server announces it, in any case, or never."""

    ANNOUNCED = "announced"
    ALWAYS = "always"
    NEVER = "never"


class Reading(Settings):
    """How mail is read, and how much of it. Of the numbers and sizes, 0 stands for no limit.

    The four limits at the end guard against a server that sends without end.
    """

    max_messages: int = setting(
        0, "Mails read in one visit. The next visit goes on at once.", example=500, ge=0
    )
    max_bytes: Size = size(
        0, "Octets read in one visit, at least one mail. The next visit goes on at once.", example="1GiB"
    )
    max_size: Size = size(0, "The largest mail that is taken.", example="50MiB")
    oversize: Annotated[Oversize, Field(strict=False)] = setting(
        Oversize.LEAVE, "What becomes of a mail above `max_size`: it stays at its source, or it is parked."
    )
    session_deadline: Duration = duration(
        6 * 3600.0, "After this time a session asks for no more mail and ends in order.", example="2h", ge=1
    )
    verify_every: Duration = duration(
        DAY,
        "A mailbox that looks unchanged is listed all the same after this time, in case its server is wrong.",
        example="1h",
        gt=0,
    )
    use_top: bool = setting(
        False,
        "Read mail by TOP instead of RETR, for servers that delete or hide what RETR read.",
        only=only_for("pop3", "IMAP has no TOP, and reading by it hides nothing"),
    )
    pipelining: Annotated[Pipelining, Field(strict=False)] = setting(
        Pipelining.ANNOUNCED,
        "Whether commands are sent before earlier ones are answered.",
        only=only_for("pop3", "every IMAP server takes commands before it has answered earlier ones"),
    )
    line_limit: Size = size(
        8 * KIB,
        "The longest status line that a server may send.",
        ge=SHORTEST_LINE_LIMIT,
        only=only_for("pop3", "a line of IMAP has 64 KiB at most in any case"),
    )
    compress: bool = setting(
        False,
        "Have the session compressed where the server offers that: less traffic for more CPU on both sides.",
        only=only_for("imap", "POP3 has no compression"),
    )
    read_in_parts: bool = setting(
        True,
        "Read mail above 32 MiB, and mail that came cut, in parts of 4 MiB, so that a connection that breaks "
        "need not begin again. Switch it off for Exchange, which converts the whole mail for each part.",
        only=only_for("imap", "POP3 reads a mail as a whole or not at all"),
    )
    listing_limit: Size = size(64 * MIB, "The longest listing that a server may send.", ge=1)
    mail_limit: Size = size(2 * GIB, "The largest mail that a server may send.", ge=1)
    session_limit: Size = size(64 * GIB, "All that a server may send in one session.", ge=1)
