"""The journal's entries: every change of state, in the order in which it happened to a message.

The state tables are folds of these entries (`shared.custody.fold`). An entry names what happened, not what
the tables look like, so that the journal can be read as the story of a mail. `at` is seconds since the epoch,
UTC.
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
    """The mail was read from its source for the `fetch_no`-th time; until `lease_until` it counts as on its
    way.

    `listed_size` is what the source's listing said, `octets` is the true length, `header` a digest of the
    header and `content`, where it was taken, one of the whole mail: all to recognise the mail again.
    `fetcher` is the process that waits for the mail to be settled; `blob` is set where the raw mail is held
    in a blob. `spooled`: the source may hide or delete the mail now that it was read, so that the blob is
    all there is (rule 6).
    """

    wire_name = "journal.fetched"

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


class Republished(Entry):
    """The mail's event was lost, and the mail set out again from its blob for `fetcher`, as its
    `fetch_no`-th time.
    """

    wire_name = "journal.republished"

    fetch_no: int
    fetcher: str
    lease_until: float


class Renamed(Entry):
    """The source shows the mail, recognised by its content, under another key now."""

    wire_name = "journal.renamed"

    key: LedgerKey
    listed_size: int


class RecipientRouted(BaseModel):
    """Why and how one recipient was chosen; `status` is open, waiting, suppressed, parked where nobody can
    get it, or deferred where he was that before and his next attempt is not due yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    address: str
    destination: str
    original: str
    reason: str
    status: RecipientStatus


class Routed(Entry):
    """The recipients were resolved from `evidence`; those already known and done are not repeated.

    `evidence_value` is what its header fields held, made printable and cut; "" where it has none. `rejected`
    are the addresses seen and not used, with the reason; `blob` holds the raw mail if a recipient was parked.
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
    """An attempt to deliver to these recipients is being made by `worker`; each one's attempt number went up
    by one.
    """

    wire_name = "journal.delivery-begun"

    addresses: tuple[str, ...]
    worker: str
    lease_until: float


class DeliveryProlonged(Entry):
    """The attempt to deliver to these recipients takes so long that its mail would count as lost: until
    `lease_until` it does not.
    """

    wire_name = "journal.delivery-prolonged"

    addresses: tuple[str, ...]
    lease_until: float


class RecipientOutcome(BaseModel):
    """What the target said about one recipient, and what follows: delivered, deferred, parked, or discarded
    where a rule of the target's says so.

    `code` and `text` are the target's (or our own words where it said nothing); `next_attempt_at` and
    `destination` are set for a deferral, the latter where the next attempt goes elsewhere.
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
    """The attempt ended with one outcome per recipient; `blob` holds the raw mail if one of them was
    parked.
    """

    wire_name = "journal.delivery-ended"

    outcomes: tuple[RecipientOutcome, ...]
    lease_until: float
    blob: str | None = None


class WaitingResolved(Entry):
    """The identical mail `holder` that this one waited for at `address` has arrived (suppressed) or failed
    (open).
    """

    wire_name = "journal.waiting-resolved"

    address: str
    holder: str
    status: RecipientStatus


class Lost(Entry):
    """The mail's event did not come back; it is fetched again, or republished from its blob."""

    wire_name = "journal.lost"

    reason: str


class BlobLost(Entry):
    """The blob that held the raw mail is no more; the mail is fetched again where its source has it still."""

    wire_name = "journal.blob-lost"

    reason: str


class Deleting(Entry):
    """The deletion at the source has been allowed; whether it happened, a later listing tells."""

    wire_name = "journal.deleting"


class Gone(Entry):
    """A listing no longer shows the mail under its key.

    `early`: that was before every recipient was done; only a blob, or an event that is on its way still, can
    serve them now.
    """

    wire_name = "journal.gone"

    reason: str
    early: bool = False


class ParkedRetried(Entry):
    """An operator asked for another attempt at a parked recipient, perhaps under another destination or
    target.

    `status` is open where the mail holds the claim from now on, suppressed where an identical one had
    arrived; None, as in entries of former versions, where the attempt is made whoever holds the claim.
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
