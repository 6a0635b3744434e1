"""What services ask the store to record: the input of `shared.custody.decide`."""

from __future__ import annotations

from typing import NamedTuple

from shared.contract.journal import RecipientOutcome
from shared.model.message import LedgerKey


class Fence(NamedTuple):
    """The right to write for an account: its lease's number. A newer lease makes it void."""

    account: str
    number: int


class FetchedMail(NamedTuple):
    """A mail that was read. `known_fetch_no` is what the ledger said before: 0 for one it did not know.

    `header` and `content` are digests by which it will be recognised, empty where none was taken; `spooled`
    that the source may not have it any more once the session is over.
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


class NewPlace(NamedTuple):
    """A mail known as `message` was recognised at the source under another key."""

    message: str
    key: LedgerKey
    listed_size: int


class ChosenRecipient(NamedTuple):
    """A recipient that the router found: named by `address`, written as `original`, chosen for `reason`.

    One who is `parked` is not to be served before an operator says so. One who `stands_for` others is served
    in the place of these, who do not exist.
    """

    address: str
    original: str
    reason: str
    parked: bool = False
    stands_for: tuple[str, ...] = ()


class Surplus(NamedTuple):
    """What becomes of a copy when more copies came than its header names recipients: `recipient` gets it, or
    it is parked for him. `named` is how many recipients the header names, each of whom accounts for a copy.
    """

    recipient: ChosenRecipient
    named: int


class RoutedMail(NamedTuple):
    """A mail whose recipients were resolved. It has a `surplus` where they are a guess.

    `near` are the identities that the same mail may have if it came minutes before or after, nearest first.
    Where `park_reason` is set, nobody can be served: the mail is parked for the operator. What is parked is
    held by `blob`.
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
    """The wish to deliver to some recipients, given as (address, attempts known), by `worker`."""

    message: str
    fetch_no: int
    recipients: tuple[tuple[str, int], ...]
    worker: str


class Outcomes(NamedTuple):
    """How an attempt ended, as (outcome, the attempt's number); `blob` holds the mail where one was
    parked.
    """

    message: str
    outcomes: tuple[tuple[RecipientOutcome, int], ...]
    blob: str | None = None


class Settled(NamedTuple):
    """A message of which every recipient is done; `fetcher` is who waits for it, `blob` what may go."""

    message: str
    account: str
    fetch_no: int
    fetcher: str
    first_fetched_at: float
    blob: str | None
