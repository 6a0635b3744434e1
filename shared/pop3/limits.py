"""What a server may at most make us hold, wait for, or ask for at once."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.authentication import DETECTIONS
from shared.model.mailbox import UNMETERED, Meter
from shared.net.login.wire import Timeouts

__all__ = ["Limits", "Options", "PipelineWindow", "Timeouts"]

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps, in octets and entries.

    `line`: a status line. `listing`: the text of CAPA, LIST or UIDL. `entries`: mails of one listing; what is
    beyond is left for later sessions. `whole`: up to this size a mail is held and handed over in one piece.
    `mail`: a mail. `session`: everything that the server sends. `meter` is told what arrives.
    """

    line: int = 8 * KIB
    listing: int = 64 * MIB
    entries: int = 500_000
    whole: int = 256 * KIB
    mail: int = 2 * KIB * MIB
    session: int = 64 * KIB * MIB
    meter: Meter = UNMETERED


@dataclass(frozen=True, slots=True)
class PipelineWindow:
    """How far commands may run ahead of their answers where the server pipelines.

    `retrievals` and `octets` (by the listed sizes): a further RETR is sent only below both; one is always
    allowed. `deletions`: DELE commands. All answers together must fit into socket buffers where we write
    before we read.
    """

    retrievals: int = 128
    octets: int = 2 * MIB
    deletions: int = 256


@dataclass(frozen=True, slots=True)
class Options:
    """How to treat one server, apart from who logs in.

    `pipelining`: None believes the server's CAPA. `detect`: how to find out what the server offers, of
    `shared.model.authentication.DETECTIONS`; some count CAPA as a failed login. `preferred`: the method that
    worked last time (`Pop3Mailbox.method`), to be tried first. `initial_response`: False sends SASL's first
    message on a line of its own. `use_top`: read mails by TOP, for servers that hide or delete what was read
    by RETR.
    """

    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    window: PipelineWindow = PipelineWindow()
    pipelining: bool | None = None
    detect: tuple[str, ...] = DETECTIONS
    preferred: str | None = None
    initial_response: bool = True
    use_top: bool = False
