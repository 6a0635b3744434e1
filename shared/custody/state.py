"""The state of custody: a message with its recipients, and the claims by which duplicates are recognised.

Messages and recipients are named tuples rather than dataclasses because every step of every mail makes new
ones: a changed copy of a tuple costs a fifth of that of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from shared.model.message import IN_FLIGHT, PENDING, TERMINAL, LedgerKey, MessageStatus, RecipientStatus

CONCLUDED = frozenset({MessageStatus.SETTLED, MessageStatus.DELETING, MessageStatus.GONE})


class Recipient(NamedTuple):
    """One recipient of a message, named by `address`; the target is told `destination`.

    `attempt` counts the attempts begun, `in_doubt` those whose end nobody saw. `code` and `text` are the last
    answer, from the target or in our words. `next_attempt_at` and, while it is parked, `parked_at` are
    seconds since the epoch.
    """

    address: str
    destination: str
    original: str
    reason: str
    status: RecipientStatus
    target: str
    attempt: int = 0
    next_attempt_at: float | None = None
    code: str = ""
    text: str = ""
    in_doubt: int = 0
    parked_at: float | None = None


NO_RECIPIENTS: Mapping[str, Recipient] = MappingProxyType({})


class Message(NamedTuple):
    """A mail in our custody; what is empty was not yet learnt by the router.

    `gone_at` is when a listing first lacked it. While it is `unbacked` its source cannot be relied upon to
    have it, although not every recipient is done: its blob, if any, is all there is. `header` and `content`
    are digests by which it is recognised.
    """

    id: str
    tenant: str
    account: str
    key: LedgerKey
    status: MessageStatus
    fetch_no: int
    listed_size: int
    octets: int
    fetcher: str
    first_fetched_at: float
    lease_until: float
    blob: str | None = None
    identity: str = ""
    message_id: str = ""
    reverse_path: str = ""
    target: str = ""
    evidence: str = ""
    settled_at: float | None = None
    recipients: Mapping[str, Recipient] = NO_RECIPIENTS
    gone_at: float | None = None
    unbacked: bool = False
    header: str = ""
    content: str = ""

    @property
    def all_done(self) -> bool:
        """Whether every recipient is done; a message without recipients is not."""
        return bool(self.recipients) and all(each.status in TERMINAL for each in self.recipients.values())

    @property
    def is_left_behind(self) -> bool:
        """Whether the source lost it before it was served, and no copy of it is held."""
        return self.unbacked and self.gone_at is not None and self.blob is None and not self.all_done

    @property
    def is_concluded(self) -> bool:
        """Whether nothing is left to be done for it, a retry of what was parked included."""
        return self.status in CONCLUDED and self.all_done


class ClaimKey(NamedTuple):
    """A mail (by its identity) for one recipient of a tenant."""

    tenant: str
    address: str
    identity: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The message `holder` is on its way to the recipient, or, when `done`, has arrived there."""

    holder: str
    done: bool


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim together with what its holder is doing; the last three are None where the holder is not
    known.
    """

    claim: Claim
    holder_status: MessageStatus | None = None
    holder_lease_until: float | None = None
    recipient_status: RecipientStatus | None = None

    @property
    def was_on_its_way(self) -> bool:
        """Whether an event may exist by which the holder would serve the recipient."""
        return self.holder_status in IN_FLIGHT and self.recipient_status in PENDING

    @property
    def was_attempting(self) -> bool:
        """Whether the holder began to deliver and nobody has seen the end of it."""
        return self.holder_status in IN_FLIGHT and self.recipient_status is RecipientStatus.ATTEMPTING

    def is_alive(self, now: float) -> bool:
        """Whether the holder is still on its way, so that a duplicate has to wait for it: by its event, or
        from its blob, where an operator had it retried, which takes as long as it takes.
        """
        if self.holder_status in CONCLUDED:
            return self.recipient_status in PENDING
        return self.was_on_its_way and self.holder_lease_until is not None and self.holder_lease_until > now
