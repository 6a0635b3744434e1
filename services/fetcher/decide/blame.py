"""What follows when a retrieval ends with an error: who is to blame, and how the visit goes on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from services.fetcher.mailbox import Listed
from services.fetcher.mailbox_errors import LimitExceeded, OutOfStep, SessionTooLong, SourceViolation
from shared.model.errors import MailferryError
from shared.model.setback import SetbackKind
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
    if isinstance(error, (SourceViolation, NetworkError)):
        return Consequence.FAIL
    return Consequence.END_IN_ORDER


def blamed(error: MailferryError, unanswered: Iterable[Listed]) -> tuple[Listed, SetbackKind] | None:
    """The mail that is to blame, by what the error says or else as the first that did not arrive."""
    if isinstance(error, OutOfStep):
        return error.entry, SetbackKind.CUT
    if isinstance(error, LimitExceeded):
        return (error.entry, SetbackKind.REFUSED) if error.entry is not None else None
    first = next(iter(unanswered), None)
    if first is None or consequence(error) is Consequence.END_IN_ORDER:
        return None
    return first, SetbackKind.BROKEN
