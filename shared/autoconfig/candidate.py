"""A server where the mailbox of an address may be, and the order in which candidates are offered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

from shared.model.endpoint import Tls

IMAP, POP3 = "imap", "pop3"
PORTS = {(IMAP, True): 993, (IMAP, False): 143, (POP3, True): 995, (POP3, False): 110}
"""The default port by protocol, and by whether TLS begins at once."""


class Way(Enum):
    """How a server was found, the most trustworthy way first. The value says it to people."""

    PRESET = "known provider"
    PRESET_MX = "known provider of its mail exchanger"
    AUTOCONFIG = "autoconfig of the domain"
    ISPDB = "ISPDB"
    ISPDB_MX = "ISPDB, by its mail exchanger"
    SRV = "SRV record"
    GUESS = "guess that answered"
    CLEAR_AUTOCONFIG = "autoconfig without TLS"


class Confidence(StrEnum):
    """How likely it is that this is the right server. `INSECURE`: others can read or forge what is sent."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INSECURE = "insecure"


_RANKS = {way: rank for rank, way in enumerate(Way)}
_CONFIDENCE = {
    Way.PRESET: Confidence.HIGH,
    Way.PRESET_MX: Confidence.MEDIUM,
    Way.AUTOCONFIG: Confidence.HIGH,
    Way.ISPDB: Confidence.HIGH,
    Way.ISPDB_MX: Confidence.MEDIUM,
    Way.SRV: Confidence.MEDIUM,
    Way.GUESS: Confidence.LOW,
    Way.CLEAR_AUTOCONFIG: Confidence.INSECURE,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server of a mailbox.

    `tls` is `IMPLICIT`, `REQUIRED` (by a command) or `OFF`. `provider` is the preset that an account can
    name. `tokens_only`: the server takes OAuth 2 tokens and no passwords. `note` is a sentence that people
    need before they log in.
    """

    protocol: str
    host: str
    port: int
    tls: Tls
    username: str
    way: Way
    provider: str | None = None
    tokens_only: bool = False
    note: str = ""

    @property
    def url(self) -> str:
        """Return the server as an account's `source` has it."""
        implicit = self.tls is Tls.IMPLICIT
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.protocol, implicit] else f":{self.port}"
        return f"{self.protocol}{'s' if implicit else ''}://{host}{port}"

    @property
    def is_secure(self) -> bool:
        """Whether the server was not found by what others can forge, and encrypts."""
        return self.tls is not Tls.OFF and self.way is not Way.CLEAR_AUTOCONFIG

    @property
    def confidence(self) -> Confidence:
        """How likely it is that this is the right server."""
        return _CONFIDENCE[self.way] if self.is_secure else Confidence.INSECURE


def ordered(found: Iterable[Candidate], protocol: str = IMAP) -> list[Candidate]:
    """Return each server once, the one to offer first at the front.

    What is not secure comes last. Then the asked `protocol` comes first, the more trustworthy way, and TLS
    from the first octet. Equals keep their order.
    """
    best: dict[tuple[str, str, int], Candidate] = {}
    for each in sorted(found, key=lambda candidate: _preference(candidate, protocol)):
        best.setdefault((each.protocol, each.host, each.port), each)
    return list(best.values())


def _preference(candidate: Candidate, protocol: str) -> tuple[bool, bool, int, bool]:
    return (
        not candidate.is_secure,
        candidate.protocol != protocol,
        _RANKS[candidate.way],
        candidate.tls is not Tls.IMPLICIT,
    )
