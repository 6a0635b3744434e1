"""The setbacks of an account as the text of a column: most accounts have none, and then it is null."""

from __future__ import annotations

import json
from collections.abc import Sequence

from shared.model.message import LedgerKey
from shared.model.setback import Setback, SetbackKind


def encode_setbacks(setbacks: Sequence[Setback]) -> str | None:
    """For the column."""
    if not setbacks:
        return None
    return json.dumps([[*each.key, each.kind, *each[2:]] for each in setbacks])


def decode_setbacks(text: str | None) -> tuple[Setback, ...]:
    """From the column."""
    if text is None:
        return ()
    return tuple(
        Setback(LedgerKey(folder, uidvalidity, uid), SetbackKind(kind), times, again_at, octets, reason)
        for folder, uidvalidity, uid, kind, times, again_at, octets, reason in json.loads(text)
    )
