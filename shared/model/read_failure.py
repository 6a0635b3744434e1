"""A mail that could not be read, or was left where it is: remembered between visits."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shared.model.message import LedgerKey


class ReadFailureKind(StrEnum):
    """`refused`: the server does not hand it out, or it is more than a cap allows. `broken`: a visit broke
    off at it. `cut`: the server ended it too early. `oversize`: it is larger than the account takes.
    """

    REFUSED = "refused"
    BROKEN = "broken"
    CUT = "cut"
    OVERSIZE = "oversize"


class ReadFailure(NamedTuple):
    """The mail at `key` was tried so many `times`; not again before `again_at` (seconds since the epoch).

    `octets` is its size, 0 if unknown. `reason` is a sentence for the operator.
    """

    key: LedgerKey
    kind: ReadFailureKind
    times: int
    again_at: float
    octets: int
    reason: str

    @property
    def name(self) -> str:
        """How it is told of: the source's name for it, or its size where it has none."""
        return self.key.uid.strip()
