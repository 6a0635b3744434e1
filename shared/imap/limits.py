"""What a server may at most make us hold."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.mailbox import UNMETERED, Meter

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps, in octets.

    `line`: a line without its literals; a SEARCH of 5,000 UIDs has 55 KiB. `literal`: a literal that is no
    mail. `answer`: the lines and literals of one answer, without the mail in it. `listing`: everything but
    mails that comes until a command is answered. `whole`: up to this size a mail is held and handed over in
    one piece. `mail`: a mail. `meter` is told what arrives.
    """

    line: int = 64 * KIB
    literal: int = 64 * KIB
    answer: int = 256 * KIB
    listing: int = 64 * MIB
    whole: int = 256 * KIB
    mail: int = 2 * KIB * MIB
    meter: Meter = UNMETERED
