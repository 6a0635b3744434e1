"""Errors of the protocol core."""

from __future__ import annotations

from shared.model.errors import Fault, MailferryError
from shared.model.source_errors import LimitExceeded, SourceViolation


class Misused(MailferryError):
    """Our own code asked for a command where the protocol does not allow it: a defect of ours."""

    temporary = False
    fault = Fault.OURS


class Unsendable(MailferryError):
    """A value cannot be put into a command: it contains CR, LF or NUL, or it is too long."""

    temporary = False
    fault = Fault.OPERATOR


class BodyCut(SourceViolation):
    """The literal of a mail did not end where the server said, so what came of the mail must not be kept.

    `uid` is the mail, or 0 where the server had not named it yet.
    """

    def __init__(self, sentence: str, *, uid: int) -> None:
        super().__init__(sentence)
        self.uid = uid


class BodyTooLarge(LimitExceeded):
    """The server announced a mail above the limit; none of it was read. `uid` as for `BodyCut`."""

    def __init__(self, sentence: str, *, uid: int) -> None:
        super().__init__(sentence)
        self.uid = uid
