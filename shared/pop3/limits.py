"""How a server is treated: limits, pipelining, options."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.authentication import DETECTIONS
from shared.model.mailbox import UNMETERED, Meter
from shared.net.login.wire import Timeouts
from shared.pop3.known_capabilities import KnownCapabilities

__all__ = ["Limits", "Options", "PipelineWindow", "Timeouts"]

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may send at most, in octets.

    `line`: a status line. `listing`: the answer to CAPA, LIST or UIDL. `entries`: mails of one listing; the
    rest is left to later sessions. `whole`: the largest mail that is held and handed over in one piece.
    `mail`: a mail. `session`: everything in one session. `meter` counts what arrives.
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
    """How many commands are sent before their answers where the server pipelines.

    `retrievals` and `octets` (by the listed sizes): another RETR is sent only below both; one is always
    allowed. `deletions`: DELE commands. All their answers must fit into socket buffers, as we write before we
    read.
    """

    retrievals: int = 128
    octets: int = 2 * MIB
    deletions: int = 256


@dataclass(frozen=True, slots=True)
class Options:
    """How to treat one server, apart from who logs in.

    `pipelining`: None stands for what the server's CAPA says. `detect`: how the server is asked what it
    offers, of `shared.model.authentication.DETECTIONS`; some servers count CAPA as a failed login.
    `preferred`: the login method that worked last time, which is tried first. `initial_response`: False sends
    SASL's first message on a line of its own. `use_top`: read mails by TOP, for servers that hide or delete
    what was read by RETR. `known` remembers what servers say after a login; None: each
    session asks.
    """

    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    window: PipelineWindow = PipelineWindow()
    pipelining: bool | None = None
    detect: tuple[str, ...] = DETECTIONS
    preferred: str | None = None
    initial_response: bool = True
    use_top: bool = False
    known: KnownCapabilities | None = None
