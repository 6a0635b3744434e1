"""A mail that could not be read, or was left at its source; stored between visits."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shared.model.message import LedgerKey


class ReadFailureKind(StrEnum):
    """`refused`: the server does not hand the mail out, or it exceeds a limit. `broken`: the connection broke
    at it. `cut`: the server ended it too early. `oversize`: it is larger than the account takes.
    """

    REFUSED = "refused"
    BROKEN = "broken"
    CUT = "cut"
    OVERSIZE = "oversize"


class ReadFailure(NamedTuple):
    """The mail at `key` could not be read, `times` times in a row.

    It is not read again before `again_at` (seconds since the epoch). `octets`: its size, 0 if unknown.
    `reason`: a sentence for the operator.
    """

    key: LedgerKey
    kind: ReadFailureKind
    times: int
    again_at: float
    octets: int
    reason: str

    @property
    def name(self) -> str:
        """The mail's name for the operator: its UID, or its size where it has none."""
        return self.key.uid.strip()
