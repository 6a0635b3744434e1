"""Who is to blame when a retrieval ends with an error, and how the visit goes on."""

from __future__ import annotations

import pytest

from services.fetcher.decide.blame import Consequence, blamed, consequence
from services.fetcher.mailbox import Listed
from services.fetcher.mailbox_errors import (
    LimitExceeded,
    MailboxLocked,
    OutOfStep,
    SessionTooLong,
    SourceBusy,
    SourceViolation,
)
from shared.model.errors import MailferryError
from shared.model.setback import SetbackKind
from shared.net.errors import ConnectionLost, DeadlineExceeded, InactivityTimeout

FIRST, SECOND = Listed("a", 1, 10), Listed("b", 2, 20)
NOBODY = None


@pytest.mark.parametrize(
    ("error", "then", "who"),
    [
        (OutOfStep("cut", entry=SECOND), Consequence.BEGIN_AGAIN, (SECOND, SetbackKind.CUT)),
        (LimitExceeded("endless", entry=SECOND), Consequence.BEGIN_AGAIN, (SECOND, SetbackKind.REFUSED)),
        (LimitExceeded("endless listing"), Consequence.BEGIN_AGAIN, NOBODY),
        (SessionTooLong("endless session"), Consequence.FAIL, NOBODY),
        (DeadlineExceeded("too late"), Consequence.BEGIN_AGAIN, (FIRST, SetbackKind.BROKEN)),
        (ConnectionLost("gone"), Consequence.FAIL, (FIRST, SetbackKind.BROKEN)),
        (InactivityTimeout("silent"), Consequence.FAIL, (FIRST, SetbackKind.BROKEN)),
        (SourceViolation("nonsense"), Consequence.FAIL, (FIRST, SetbackKind.BROKEN)),
        (SourceBusy("throttled"), Consequence.END_IN_ORDER, NOBODY),
        (MailboxLocked("in use"), Consequence.END_IN_ORDER, NOBODY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_consequence(
    error: MailferryError, then: Consequence, who: tuple[Listed, SetbackKind] | None
) -> None:
    assert consequence(error) is then
    assert blamed(error, [FIRST, SECOND]) == who


def test_nobody_is_blamed_where_all_mail_had_arrived() -> None:
    assert blamed(ConnectionLost("gone"), []) is None
