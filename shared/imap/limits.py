"""How a server is treated: limits, pipelining, options."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.imap.refused_features import RefusedFeatures
from shared.model.folders import Removal
from shared.model.mailbox import INBOX, UNMETERED, Meter
from shared.net.login.wire import Timeouts

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may send at most, in octets.

    `line`: a line without its literals; a SEARCH of 5,000 UIDs has 55 KiB. `literal`: a literal that is no
    mail. `answer`: the lines and literals of one answer, without the mail in it. `listing`: everything but
    mails that comes until a command is answered. `whole`: up to this size a mail is held and handed over in
    one piece. `mail`: a mail. `session`: everything in one session. `entries`: mails of one listing; the rest
    is left to later sessions. `meter` is told what arrives.
    """

    line: int = 64 * KIB
    literal: int = 64 * KIB
    answer: int = 256 * KIB
    listing: int = 64 * MIB
    whole: int = 256 * KIB
    mail: int = 2 * KIB * MIB
    session: int = 64 * KIB * MIB
    entries: int = 500_000
    meter: Meter = UNMETERED


@dataclass(frozen=True, slots=True)
class FetchWindow:
    """How mails are asked for: in sets of up to `mails`, and of `octets` by their listed sizes.

    `alone`: a larger mail is a set of its own. So many `sets` are on their way at once: while one is handed
    out, the server reads the next. A mail of more than `huge` octets is read in parts of `part` octets.
    """

    mails: int = 50
    octets: int = 2 * MIB
    alone: int = 256 * KIB
    sets: int = 2
    huge: int = 32 * MIB
    part: int = 4 * MIB


@dataclass(frozen=True, slots=True)
class Options:
    """How to treat one server, apart from who logs in.

    `folders` and `removal` are those of `FolderSettings`. `reads_only`: copies stay, so that folders are
    opened by EXAMINE until something is to be deleted. `preferred`: the login method that worked last time,
    which is tried first. `initial_response`: False sends SASL's first message on a line of its own.
    `newest`: of more mails than `Limits.entries` these are listed, as copies stay for ever.
    `skip`: listings tell which mails have one of these flags, as `FolderSettings` has them.
    `compress`: have the session compressed where that is announced. `parts`: read huge mails in parts.
    `refused` remembers what servers announce and refuse, beyond this session.
    """

    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    window: FetchWindow = FetchWindow()
    folders: tuple[str, ...] = (INBOX.folder,)
    removal: Removal = Removal()
    reads_only: bool = False
    newest: bool = False
    skip: tuple[str, ...] = ()
    preferred: str | None = None
    initial_response: bool = True
    compress: bool = False
    parts: bool = True
    refused: RefusedFeatures = field(default_factory=RefusedFeatures, compare=False)
