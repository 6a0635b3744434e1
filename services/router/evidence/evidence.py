"""The vocabulary of evidence: whom a header names, in which class, and how reliable that is."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from services.router.header.addresses import Defect
from shared.model.address import Address
from shared.model.errors import quoted

VALUE_LENGTH = 250


class EvidenceClass(StrEnum):
    """Where the recipients were found. `number` is the class as the documentation counts them."""

    FOLDER = "folder"
    SINGLE_USER = "single-user"
    CONFIGURED_FIELD = "configured-field"
    ENVELOPE_FIELD = "envelope-field"
    RECEIVED_FOR = "received-for"
    RESENT = "resent"
    VISIBLE = "visible"
    NONE = "none"

    @property
    def number(self) -> int:
        """From 0 (certain) to 5 (none)."""
        return _NUMBERS[self]


_NUMBERS = dict(zip(EvidenceClass, (0, 0, 1, 2, 3, 4, 4, 5), strict=True))
ENVELOPE_CLASSES = frozenset(
    {EvidenceClass.CONFIGURED_FIELD, EvidenceClass.ENVELOPE_FIELD, EvidenceClass.RECEIVED_FOR}
)
"""The classes that repeat the envelope. Servers wrote them, not authors."""
GUESSES = frozenset({EvidenceClass.RESENT, EvidenceClass.VISIBLE})
"""The classes that say whom the author named. The envelope may have had other recipients."""


class Confidence(StrEnum):
    """How reliable evidence is: configured (certain), written by a server (high), or a guess (low)."""

    CERTAIN = "certain"
    HIGH = "high"
    LOW = "low"


class IgnoredValue(NamedTuple):
    """A value that was looked at before the deciding evidence, and why it decided nothing."""

    value: str
    reason: str


class Evidence(NamedTuple):
    """What the deciding class says. `field` names its header fields, `value` is their printable content, or
    the name of the source folder that decided.

    `notes` say why the confidence is low, or why there is no evidence. `ignored` are values that were looked
    at before and decided nothing.
    """

    kind: EvidenceClass
    confidence: Confidence
    field: str = ""
    addresses: tuple[Address, ...] = ()
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()
    value: str = ""
    ignored: tuple[IgnoredValue, ...] = ()

    def describe(self) -> str:
        """Return a sentence for the journal and for people."""
        where = f"{self.kind} {self.field}".rstrip()
        return "; ".join((f"{where} ({self.confidence} confidence)", *self.notes))


def no_evidence(*reasons: str) -> Evidence:
    """Return evidence of class 5 (none), with the reasons."""
    return Evidence(EvidenceClass.NONE, Confidence.LOW, notes=reasons)


def printable(value: bytes) -> str:
    """Return a value for people to read: on one line, printable, cut."""
    return quoted(b" ".join(value[: 4 * VALUE_LENGTH].split()), VALUE_LENGTH)
