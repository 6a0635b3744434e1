"""Whom a mail was meant for, as far as its header tells: evidence, and how far it is to be believed."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from services.router.header.addresses import Defect
from shared.model.address import Address
from shared.model.errors import quoted

VALUE_LENGTH = 250


class EvidenceClass(StrEnum):
    """Where the recipients were found; `number` is the class as the documentation counts them."""

    SINGLE_USER = "single-user"
    CONFIGURED_FIELD = "configured-field"
    ENVELOPE_FIELD = "envelope-field"
    RECEIVED_FOR = "received-for"
    RESENT = "resent"
    VISIBLE = "visible"
    NONE = "none"

    @property
    def number(self) -> int:
        """From 0, certain, to 5, none."""
        return _NUMBERS[self]


_NUMBERS = dict(zip(EvidenceClass, (0, 1, 2, 3, 4, 4, 5), strict=True))
OF_THE_ENVELOPE = frozenset(
    {EvidenceClass.CONFIGURED_FIELD, EvidenceClass.ENVELOPE_FIELD, EvidenceClass.RECEIVED_FOR}
)
"""The classes that repeat the envelope, written by servers and not by authors."""
GUESSES = frozenset({EvidenceClass.RESENT, EvidenceClass.VISIBLE})
"""The classes that say whom authors named, of whom the envelope may have had more."""


class Confidence(StrEnum):
    """How far evidence can be believed: it is so by configuration, a server wrote it, or it is a guess."""

    CERTAIN = "certain"
    HIGH = "high"
    LOW = "low"


class Passed(NamedTuple):
    """What was looked at on the way to the deciding evidence, and why it said nothing."""

    value: str
    reason: str


class Evidence(NamedTuple):
    """What the deciding class says; `field` names its header fields, `value` is what they hold, for the eye.

    `notes` say why to believe it less, or why there is none. `passed` was seen before and decided nothing.
    """

    kind: EvidenceClass
    confidence: Confidence
    field: str = ""
    addresses: tuple[Address, ...] = ()
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()
    value: str = ""
    passed: tuple[Passed, ...] = ()

    def describe(self) -> str:
        """In words, for the journal and for people."""
        where = f"{self.kind} {self.field}".rstrip()
        return "; ".join((f"{where} ({self.confidence} confidence)", *self.notes))


def nothing(*reasons: str) -> Evidence:
    """That there is no evidence, and why."""
    return Evidence(EvidenceClass.NONE, Confidence.LOW, notes=reasons)


def shown(value: bytes) -> str:
    """A value as people see it: on one line, printable, cut."""
    return quoted(b" ".join(value[: 4 * VALUE_LENGTH].split()), VALUE_LENGTH)
