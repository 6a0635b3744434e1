"""What services ask the store to record: the input of `shared.custody.decide`."""

from __future__ import annotations

from typing import NamedTuple

from shared.contract.journal import RecipientOutcome
from shared.model.message import LedgerKey


class Fence(NamedTuple):
    """The right to write for an account: the number of its lease. A newer lease makes it void."""

    account: str
    number: int


class FetchedMail(NamedTuple):
    """A mail that was read. `known_fetch_no` is the ledger's number before, 0 for an unknown mail.

    `header` and `content` are digests by which the mail is recognised later, empty where none was taken.
    `spooled`: the source may not have the mail any more once the session is over. `object_id` is what its
    server calls the mail in whichever folder it is, "" where it has no name.
    """

    message: str
    tenant: str
    key: LedgerKey
    known_fetch_no: int
    listed_size: int
    octets: int
    fetcher: str
    blob: str | None = None
    header: str = ""
    content: str = ""
    spooled: bool = False
    object_id: str = ""


class NewPlace(NamedTuple):
    """The mail known as `message` was recognised at the source under another ledger key."""

    message: str
    key: LedgerKey
    listed_size: int


class ChosenRecipient(NamedTuple):
    """A recipient that the router chose for `reason`: `address` in the database, `original` in the header.

    With `parked`, nothing is delivered before an operator says so. With `stands_for`, this recipient
    replaces others that do not exist.
    """

    address: str
    original: str
    reason: str
    parked: bool = False
    stands_for: tuple[str, ...] = ()


class Surplus(NamedTuple):
    """Who gets a surplus copy, when more copies arrive than the header names recipients.

    `recipient` gets the copy, or it is parked for it. `named` is how many recipients the header names; each
    of them accounts for one copy. Copies in `other_folders` are for somebody else and do not count.
    """

    recipient: ChosenRecipient
    named: int
    other_folders: frozenset[str] = frozenset()


class RoutedMail(NamedTuple):
    """A mail whose recipients were resolved. `surplus` is set where they are a guess.

    `near` are the identities that a copy from a few minutes before or after would have, nearest first. With
    a `park_reason` nobody gets the mail, and it is parked for the operator. `blob` holds the raw mail of
    what is parked.
    """

    message: str
    fetch_no: int
    identity: str
    message_id: str
    reverse_path: str
    target: str
    evidence: str
    recipients: tuple[ChosenRecipient, ...]
    rejected: tuple[str, ...] = ()
    park_reason: str | None = None
    blob: str | None = None
    evidence_value: str = ""
    surplus: Surplus | None = None
    near: tuple[str, ...] = ()


class Attempt(NamedTuple):
    """A request by `worker` to deliver to some recipients, given as (address, attempts known)."""

    message: str
    fetch_no: int
    recipients: tuple[tuple[str, int], ...]
    worker: str


class Outcomes(NamedTuple):
    """How an attempt ended, as (outcome, the attempt's number). `blob` has the raw mail of a parked one."""

    message: str
    outcomes: tuple[tuple[RecipientOutcome, int], ...]
    blob: str | None = None


class Settled(NamedTuple):
    """A message whose recipients are all done. `fetcher` waits for it; `blob` may be removed."""

    message: str
    account: str
    fetch_no: int
    fetcher: str
    first_fetched_at: float
    blob: str | None
