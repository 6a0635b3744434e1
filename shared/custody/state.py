"""The state of custody: messages with their recipients, and the claims by which copies are recognised.

Messages and recipients are named tuples, not dataclasses. Every step of every mail makes new ones, and a
changed copy of a tuple costs a fifth of that of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from shared.model.message import IN_FLIGHT, PENDING, TERMINAL, LedgerKey, MessageStatus, RecipientStatus

SETTLED_OR_LATER = frozenset({MessageStatus.SETTLED, MessageStatus.DELETING, MessageStatus.GONE})


class Recipient(NamedTuple):
    """One recipient of a message: `address` in the database, `destination` for the target.

    `attempt` counts the attempts begun, `in_doubt` those whose end nobody saw. `code` and `text` are the
    last reply, from the target or from us. `next_attempt_at` and `parked_at` (set while parked) are in
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
    """A mail in custody. Fields that the router fills are empty before.

    `gone_at`: when a listing first lacked the mail. `unbacked`: not every recipient is done, and the source
    cannot be relied upon to have the mail still, so that its blob, if any, is the only copy. `header` and
    `content` are digests by which the mail is recognised. `object_id` is what its server calls the mail in
    whichever folder it is; only the transaction that enters it knows it.
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
    object_id: str = ""

    @property
    def all_done(self) -> bool:
        """Whether every recipient is done. False for a message without recipients."""
        return bool(self.recipients) and all(each.status in TERMINAL for each in self.recipients.values())

    @property
    def is_lost_at_source(self) -> bool:
        """Whether the source lost the mail before every recipient was done, and no blob holds it."""
        return self.unbacked and self.gone_at is not None and self.blob is None and not self.all_done

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to be done, retries of parked recipients included."""
        return self.status in SETTLED_OR_LATER and self.all_done


class ClaimKey(NamedTuple):
    """A mail, by its identity, for one recipient of a tenant."""

    tenant: str
    address: str
    identity: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The message `holder` is on its way to the recipient or, when `done`, has arrived there."""

    holder: str
    done: bool


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim and what its holder is doing; the last three are None where the holder is not known."""

    claim: Claim
    holder_status: MessageStatus | None = None
    holder_lease_until: float | None = None
    recipient_status: RecipientStatus | None = None

    @property
    def was_on_its_way(self) -> bool:
        """Whether an event may exist by which the holder is delivered to the recipient."""
        return self.holder_status in IN_FLIGHT and self.recipient_status in PENDING

    @property
    def was_attempting(self) -> bool:
        """Whether the holder began an attempt whose end nobody has seen."""
        return self.holder_status in IN_FLIGHT and self.recipient_status is RecipientStatus.ATTEMPTING

    def is_alive(self, now: float) -> bool:
        """Return whether the holder is still on its way, so that a copy must wait for it.

        It is on its way while its event may still come back. It is also on its way, without a limit, while
        an operator's retry delivers it from its blob.
        """
        if self.holder_status in SETTLED_OR_LATER:
            return self.recipient_status in PENDING
        return self.was_on_its_way and self.holder_lease_until is not None and self.holder_lease_until > now
