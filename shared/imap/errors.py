"""Errors of the protocol core about the body of a mail."""

from __future__ import annotations

from shared.model.source_errors import LimitExceeded, SourceViolation


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
