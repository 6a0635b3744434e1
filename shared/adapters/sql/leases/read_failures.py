"""The setbacks of an account as the text of a column: most accounts have none, and then it is null."""

from __future__ import annotations

import json
from collections.abc import Sequence

from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind


def encode_read_failures(setbacks: Sequence[ReadFailure]) -> str | None:
    """For the column."""
    if not setbacks:
        return None
    return json.dumps([[*each.key, each.kind, *each[2:]] for each in setbacks])


def decode_read_failures(text: str | None) -> tuple[ReadFailure, ...]:
    """From the column."""
    if text is None:
        return ()
    return tuple(
        ReadFailure(
            LedgerKey(folder, uidvalidity, uid), ReadFailureKind(kind), times, again_at, octets, reason
        )
        for folder, uidvalidity, uid, kind, times, again_at, octets, reason in json.loads(text)
    )
