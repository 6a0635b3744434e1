"""What follows when a retrieval ends with an error: who is to blame, and how the visit goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum, auto
from typing import NamedTuple

from services.fetcher.decide.read_failures import HASTE_DISTANCE, LONGEST_DISTANCE
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, MailRefused
from shared.model.read_failure import ReadFailure, ReadFailureKind
from shared.model.source_errors import (
    LimitExceeded,
    OutOfStep,
    PlaceTaken,
    ProcessEnds,
    SessionTooLong,
    SourceBusy,
    SourceViolation,
)
from shared.net.errors import DeadlineExceeded, NetworkError


class Consequence(Enum):
    """`end_in_order`: the session is usable; nothing more is read, and what is settled is deleted.
    `begin_again`: the session is lost because of one mail that is tried later; the others are served at once.
    `fail`: the session is lost; the next visit comes in its time.
    """

    END_IN_ORDER = auto()
    BEGIN_AGAIN = auto()
    FAIL = auto()


def consequence(error: MailferryError) -> Consequence:
    """What follows from the error that ended a retrieval."""
    if isinstance(error, SessionTooLong):
        return Consequence.FAIL
    if isinstance(error, (OutOfStep, LimitExceeded, DeadlineExceeded)):
        return Consequence.BEGIN_AGAIN
    if isinstance(error, (SourceViolation, NetworkError, PlaceTaken, ProcessEnds)):
        return Consequence.FAIL
    return Consequence.END_IN_ORDER


def blamed(error: MailferryError, unanswered: Iterable[Listed]) -> tuple[Listed, ReadFailureKind] | None:
    """The mail that is to blame, by what the error says or else as the first that did not arrive."""
    if isinstance(error, OutOfStep):
        return error.entry, ReadFailureKind.CUT
    if isinstance(error, LimitExceeded):
        return (error.entry, ReadFailureKind.REFUSED) if error.entry is not None else None
    if isinstance(error, ProcessEnds):
        return None
    first = next(iter(unanswered), None)
    if first is None or consequence(error) is Consequence.END_IN_ORDER:
        return None
    return first, ReadFailureKind.BROKEN


class Blame(NamedTuple):
    """How a mail is set aside; `longest` is the most seconds until it is tried again."""

    kind: ReadFailureKind
    longest: float = LONGEST_DISTANCE


def refused_alone(known: ReadFailure | None) -> bool:
    """Whether it has shown before that the server refuses this mail and serves others."""
    return known is not None and known.kind is ReadFailureKind.REFUSED


def blame(refusal: MailRefused, known: ReadFailure | None, *, others_came: bool) -> Blame:
    """What follows for a mail that was refused; `known` is what is remembered of it.

    Where all were refused at the end of a visit in which others came, it is about the mail the second time.
    """
    if isinstance(refusal.error, OutOfStep):
        return Blame(ReadFailureKind.CUT)
    if refusal.of_all and not (refused_alone(known) or (known is not None and others_came)):
        return Blame(ReadFailureKind.BROKEN, longest=0.0)
    in_haste = isinstance(refusal.error, SourceBusy)
    return Blame(ReadFailureKind.REFUSED, HASTE_DISTANCE if in_haste else LONGEST_DISTANCE)


def says_nothing_new(
    error: MailferryError, refused: Collection[MailRefused], known: Collection[ReadFailure | None]
) -> bool:
    """Whether a server that seems to serve no mail for now refused those only that it is known to refuse
    always; `known` is what was remembered of the mails refused with it.
    """
    return any(each.error is error for each in refused) and all(map(refused_alone, known))
