"""Who is to blame when a retrieval ends with an error, and how the visit goes on."""

from __future__ import annotations

import pytest

from services.fetcher.decide.blame import (
    Blame,
    Consequence,
    blame_refusal,
    blamed_mail,
    consequence,
    says_nothing_new,
)
from services.fetcher.decide.read_failures import BUSY_PAUSE
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed, MailRefused
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind
from shared.model.source_errors import (
    LimitExceeded,
    MailboxLocked,
    OutOfStep,
    PlaceTaken,
    ProcessEnds,
    SessionTooLong,
    SourceBusy,
    SourceRefused,
    SourceViolation,
)
from shared.net.errors import ConnectionLost, DeadlineExceeded, InactivityTimeout

FIRST, SECOND = Listed("a", 1, 10), Listed("b", 2, 20)
NOBODY = None


@pytest.mark.parametrize(
    ("error", "then", "who"),
    [
        (OutOfStep("cut", entry=SECOND), Consequence.BEGIN_AGAIN, (SECOND, ReadFailureKind.CUT)),
        (LimitExceeded("endless", entry=SECOND), Consequence.BEGIN_AGAIN, (SECOND, ReadFailureKind.REFUSED)),
        (LimitExceeded("endless listing"), Consequence.BEGIN_AGAIN, NOBODY),
        (SessionTooLong("endless session"), Consequence.FAIL, NOBODY),
        (DeadlineExceeded("too late"), Consequence.BEGIN_AGAIN, (FIRST, ReadFailureKind.BROKEN)),
        (ConnectionLost("gone"), Consequence.FAIL, (FIRST, ReadFailureKind.BROKEN)),
        (InactivityTimeout("silent"), Consequence.FAIL, (FIRST, ReadFailureKind.BROKEN)),
        (SourceViolation("nonsense"), Consequence.FAIL, (FIRST, ReadFailureKind.BROKEN)),
        (PlaceTaken("dripping"), Consequence.FAIL, (FIRST, ReadFailureKind.BROKEN)),
        (ProcessEnds("TERM"), Consequence.FAIL, NOBODY),
        (SourceBusy("throttled"), Consequence.END_IN_ORDER, NOBODY),
        (MailboxLocked("in use"), Consequence.END_IN_ORDER, NOBODY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_consequence(
    error: MailferryError, then: Consequence, who: tuple[Listed, ReadFailureKind] | None
) -> None:
    assert consequence(error) is then
    assert blamed_mail(error, [FIRST, SECOND]) == who


def test_nobody_is_blamed_where_all_mail_had_arrived() -> None:
    assert blamed_mail(ConnectionLost("gone"), []) is None


def known(kind: ReadFailureKind) -> ReadFailure:
    return ReadFailure(LedgerKey("INBOX", 0, "a"), kind, 1, 0.0, 10, "before")


BUSY = SourceBusy("try later")
BY_ITSELF = Blame(ReadFailureKind.REFUSED, BUSY_PAUSE)
WITH_ALL = Blame(ReadFailureKind.BROKEN, 0.0)


@pytest.mark.parametrize(
    ("failure", "others_came", "then"),
    [
        (None, False, WITH_ALL),
        (None, True, WITH_ALL),
        (known(ReadFailureKind.BROKEN), False, WITH_ALL),
        (known(ReadFailureKind.BROKEN), True, BY_ITSELF),
        (known(ReadFailureKind.REFUSED), False, BY_ITSELF),
    ],
)
def test_a_mail_that_is_refused_with_all_others_has_done_nothing_unless_it_is_always_so(
    failure: ReadFailure | None, others_came: bool, then: Blame
) -> None:
    refusal = MailRefused(FIRST, BUSY, of_all=True)
    assert blame_refusal(refusal, failure, others_came=others_came) == then


def test_a_mail_that_is_refused_by_itself_waits_less_where_the_server_speaks_of_the_moment() -> None:
    assert blame_refusal(MailRefused(FIRST, BUSY), None, others_came=True) == BY_ITSELF
    for_good = MailRefused(FIRST, SourceRefused("no such message"))
    assert blame_refusal(for_good, None, others_came=True) == Blame(ReadFailureKind.REFUSED)
    cut = MailRefused(FIRST, OutOfStep("cut", entry=FIRST))
    assert blame_refusal(cut, None, others_came=True) == Blame(ReadFailureKind.CUT)


def test_a_server_is_busy_unless_it_refused_only_what_it_always_refuses() -> None:
    refused = [MailRefused(FIRST, BUSY, of_all=True), MailRefused(SECOND, SourceBusy("later"), of_all=True)]
    always = known(ReadFailureKind.REFUSED)
    assert says_nothing_new(BUSY, refused, [always, always])
    assert not says_nothing_new(BUSY, refused, [always, None])
    assert not says_nothing_new(MailboxLocked("in use"), refused, [always, always])
