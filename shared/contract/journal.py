"""The journal's entries: every change of a message's state, in the order in which it happened.

The state tables are folds of these entries (`shared.custody.fold`). An entry says what happened, not what
the tables look like, so that the journal reads as the story of a mail. `at` is seconds since the epoch, UTC.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from shared.contract.events import Record
from shared.model.message import LedgerKey, RecipientStatus


class Entry(Record):
    """One change in the life of the message `message`."""

    message: str
    at: float


class Fetched(Entry):
    """The mail was read from its source for the `fetch_no`-th time. It is in flight until `lease_until`.

    `listed_size` is from the source's listing, `octets` the true length. `header` and `content` are digests
    of the header and, where taken, of the whole mail, by which the mail is recognised later. `fetcher` is
    the process that waits for the settlement. `blob` names the blob with the raw mail, if there is one.
    `spooled`: the source may hide or delete the mail now that it was read, so that the blob is the only copy
    (rule 6). `object_id` is what its server calls the mail in whichever folder it is.
    """

    wire_name = "journal.fetched"
    left_out_if_empty = frozenset({"object_id"})

    tenant: str
    account: str
    key: LedgerKey
    fetch_no: int
    listed_size: int
    octets: int
    fetcher: str
    lease_until: float
    blob: str | None = None
    header: str = ""
    content: str = ""
    spooled: bool = False
    object_id: str = ""


class Republished(Entry):
    """The mail's event was lost, and the mail was published again from its blob for `fetcher`."""

    wire_name = "journal.republished"

    fetch_no: int
    fetcher: str
    lease_until: float


class Renamed(Entry):
    """The source shows the mail, which was recognised, under another key."""

    wire_name = "journal.renamed"

    key: LedgerKey
    listed_size: int


class RecipientRouted(BaseModel):
    """How and why one recipient was chosen.

    `status` is open, waiting, suppressed, parked, or deferred where it was deferred before and its next
    attempt is not due.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    address: str
    destination: str
    original: str
    reason: str
    status: RecipientStatus


class Routed(Entry):
    """The recipients were resolved from `evidence`. Those that were done before are not repeated.

    `evidence_value` is the content of the deciding header fields, made printable and cut; "" without any.
    `rejected` are the addresses that were found and not used, with the reason. `blob` holds the raw mail if
    a recipient was parked.
    """

    wire_name = "journal.routed"

    fetch_no: int
    identity: str
    message_id: str
    reverse_path: str
    target: str
    evidence: str
    rejected: tuple[str, ...]
    recipients: tuple[RecipientRouted, ...]
    lease_until: float
    blob: str | None = None
    evidence_value: str = ""


class DeliveryBegun(Entry):
    """`worker` began an attempt at these recipients. The attempt number of each went up by one."""

    wire_name = "journal.delivery-begun"

    addresses: tuple[str, ...]
    worker: str
    lease_until: float


class DeliveryProlonged(Entry):
    """The attempt at these recipients takes long. The mail does not count as lost before `lease_until`."""

    wire_name = "journal.delivery-prolonged"

    addresses: tuple[str, ...]
    lease_until: float


class RecipientOutcome(BaseModel):
    """The target's reply for one recipient, and what follows: delivered, deferred, parked, or discarded.

    `code` and `text` are the target's, or ours where it did not reply. A deferral has `next_attempt_at`, and
    a new `destination` where the next attempt goes elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    address: str
    status: RecipientStatus
    code: str
    text: str
    destination: str
    next_attempt_at: float | None = None
    in_doubt: bool = False


class DeliveryEnded(Entry):
    """The attempt ended with one outcome per recipient. `blob` holds the raw mail of a parked one."""

    wire_name = "journal.delivery-ended"

    outcomes: tuple[RecipientOutcome, ...]
    lease_until: float
    blob: str | None = None


class WaitingResolved(Entry):
    """The copy `holder`, for which this mail waited at `address`, arrived (suppressed) or failed (open)."""

    wire_name = "journal.waiting-resolved"

    address: str
    holder: str
    status: RecipientStatus


class Lost(Entry):
    """The mail's event did not come back. The mail is fetched again, or republished from its blob."""

    wire_name = "journal.lost"

    reason: str


class BlobLost(Entry):
    """The blob with the raw mail is lost. The mail is fetched again where its source still has it."""

    wire_name = "journal.blob-lost"

    reason: str


class Deleting(Entry):
    """The deletion at the source was allowed. A later listing shows whether it happened."""

    wire_name = "journal.deleting"


class Gone(Entry):
    """A listing no longer shows the mail under its key.

    `early`: not every recipient was done. Only a blob, or an event that is still on its way, can serve them
    now.
    """

    wire_name = "journal.gone"

    reason: str
    early: bool = False


class ParkedRetried(Entry):
    """An operator asked for another attempt at a parked recipient, perhaps at another destination or target.

    `status` is open where the mail now holds the claim, or suppressed where a copy had arrived. None, as in
    entries of former versions: the attempt is made whoever holds the claim.
    """

    wire_name = "journal.parked-retried"

    address: str
    destination: str
    target: str
    status: RecipientStatus | None = None


class ParkedDiscarded(Entry):
    """An operator gave a parked recipient up."""

    wire_name = "journal.parked-discarded"

    address: str


JOURNAL: tuple[type[Entry], ...] = (
    Fetched,
    Republished,
    Renamed,
    Routed,
    DeliveryBegun,
    DeliveryProlonged,
    DeliveryEnded,
    WaitingResolved,
    Lost,
    BlobLost,
    Deleting,
    Gone,
    ParkedRetried,
    ParkedDiscarded,
)
