"""What follows when reading ends with an error: which mail is to blame, and how the visit continues."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum, auto
from typing import NamedTuple

from services.fetcher.decide.read_failures import BUSY_PAUSE, LONGEST_PAUSE
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
    """`end_in_order`: the session is usable; nothing more is read, and settled mails are deleted.
    `begin_again`: the session is lost because of one mail, which is read later; the next visit begins at
    once. `fail`: the session is lost; the next visit begins as scheduled.
    """

    END_IN_ORDER = auto()
    BEGIN_AGAIN = auto()
    FAIL = auto()


def consequence(error: MailferryError) -> Consequence:
    """Return what follows from the error that ended the reading."""
    if isinstance(error, SessionTooLong):
        return Consequence.FAIL
    if isinstance(error, (OutOfStep, LimitExceeded, DeadlineExceeded)):
        return Consequence.BEGIN_AGAIN
    if isinstance(error, (SourceViolation, NetworkError, PlaceTaken, ProcessEnds)):
        return Consequence.FAIL
    return Consequence.END_IN_ORDER


def blamed_mail(error: MailferryError, unanswered: Iterable[Listed]) -> tuple[Listed, ReadFailureKind] | None:
    """Return the mail that is to blame: the one that the error names, or else the first missing one."""
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
    """How a read failure is recorded. `longest`: the most seconds until the mail is read again."""

    kind: ReadFailureKind
    longest: float = LONGEST_PAUSE


def refused_alone(known: ReadFailure | None) -> bool:
    """Return whether an earlier visit showed that the server refuses this mail and serves others."""
    return known is not None and known.kind is ReadFailureKind.REFUSED


def blame_refusal(refusal: MailRefused, known: ReadFailure | None, *, others_came: bool) -> Blame:
    """Return what is recorded for a refused mail; `known` is its earlier failure.

    Where all mails at the end of a visit are refused, and others came before, the mail is to blame from the
    second time on.
    """
    if isinstance(refusal.error, OutOfStep):
        return Blame(ReadFailureKind.CUT)
    if refusal.of_all and not (refused_alone(known) or (known is not None and others_came)):
        return Blame(ReadFailureKind.BROKEN, longest=0.0)
    is_for_now = isinstance(refusal.error, SourceBusy)
    return Blame(ReadFailureKind.REFUSED, BUSY_PAUSE if is_for_now else LONGEST_PAUSE)


def says_nothing_new(
    error: MailferryError, refused: Collection[MailRefused], known: Collection[ReadFailure | None]
) -> bool:
    """Return whether a server that seems to serve no mail for now refused only mails that it always refuses.

    `known` are the earlier failures of the mails that were refused with the error.
    """
    return any(each.error is error for each in refused) and all(map(refused_alone, known))
