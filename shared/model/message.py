"""A mail in custody: its place at the source, and its status."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class MessageStatus(StrEnum):
    """How far a mail has come. `lost`: its event never came back, so it is fetched again."""

    FETCHED = "fetched"
    ROUTED = "routed"
    SETTLED = "settled"
    DELETING = "deleting"
    GONE = "gone"
    LOST = "lost"


UNROUTED = frozenset({MessageStatus.FETCHED, MessageStatus.LOST})
IN_FLIGHT = frozenset({MessageStatus.FETCHED, MessageStatus.ROUTED})
DELETABLE = frozenset({MessageStatus.SETTLED, MessageStatus.DELETING})


class LedgerKey(NamedTuple):
    """A mail's place at its source. POP3 has one folder and no UIDVALIDITY: `INBOX` and 0 stand for them."""

    folder: str
    uidvalidity: int
    uid: str


class RecipientStatus(StrEnum):
    """The status of one recipient of a mail."""

    OPEN = "open"
    ATTEMPTING = "attempting"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    PARKED = "parked"
    WAITING = "waiting"
    SUPPRESSED = "suppressed"
    DISCARDED = "discarded"


TERMINAL = frozenset(
    {RecipientStatus.DELIVERED, RecipientStatus.PARKED, RecipientStatus.SUPPRESSED, RecipientStatus.DISCARDED}
)
DUE = frozenset({RecipientStatus.OPEN, RecipientStatus.DEFERRED})
PENDING = frozenset({RecipientStatus.OPEN, RecipientStatus.ATTEMPTING, RecipientStatus.DEFERRED})
