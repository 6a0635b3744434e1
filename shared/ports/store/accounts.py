"""What the store says of many accounts at once: numbers of them all, and pages of some.

The database counts. So what a process holds does not grow with the number of accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.model.account_condition import AccountCondition, Colour
from shared.model.read_failure import ReadFailure
from shared.model.spec import Kind, Manager


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is known of an account; times are seconds since the epoch, None where it never happened."""

    account: str
    enabled: bool
    due_at: float
    leased_by: str | None
    lease_until: float | None
    failures: int
    problem: str | None
    visited_at: float | None
    succeeded_at: float | None
    waiting: int
    paused: bool = False
    method: str | None = None
    host: str = ""
    read_failures: tuple[ReadFailure, ...] = ()


class AccountTotals(NamedTuple):
    """How the accounts of the registry are, those that were removed left out.

    `states` has each state of which there is an account. `failing` counts the accounts that fail, for the
    tenants with most of them, the most first. `failing_since` is the earliest moment since when one of them
    has had no success: its last one, or when it came into the registry; None where none fails. `revision` is
    the registry's.
    """

    states: Mapping[AccountCondition, int]
    failing: Mapping[str, int]
    failing_since: float | None
    revision: int


class UnregisteredMail(NamedTuple):
    """Mails that are not done, of `accounts` accounts which are not in the registry.

    `at_source` ones are still in their mailbox, as far as is known; those held `here` are in blobs alone.
    `named` are the first accounts.
    """

    accounts: int = 0
    at_source: int = 0
    here: int = 0
    named: tuple[str, ...] = ()


class UnregisteredAccount(NamedTuple):
    """An account that was removed at `removed_at`, or is not in the registry (None), and has mail still.

    `parked` counts recipients, see `UnregisteredMail` for the others.
    """

    account: str
    at_source: int
    here: int
    parked: int
    visited_at: float | None = None
    removed_at: float | None = None


class AccountQuery(NamedTuple):
    """Which accounts are asked for: these, those of these tenants, or all where neither is named.

    With `failing` only those that fail, with `colours` only those of these, with `text` only those with it in
    their names. `limit`: how many, those with problems first; `after` is the colour and the name of the last
    one before. Where not `counted`, the page comes without counts.
    """

    accounts: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    failing: bool = False
    limit: int = 200
    colours: tuple[Colour, ...] = ()
    text: str = ""
    after: tuple[Colour, str] | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account of the registry with its state, None where it was never scheduled.

    `condition` is what makes its colour. `keys` are its settings. `disabled_holder` is the kind of what holds
    it, its tenant or its target, where that is disabled.
    """

    account: str
    enabled: bool
    keys: Mapping[str, Any]
    managed_by: Manager
    origin: str
    colour: Colour
    condition: AccountCondition
    state: AccountState | None
    disabled_holder: Kind | None = None


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The first accounts of a query. `counts` has all that the query is about, whether they fail or not."""

    counts: Mapping[tuple[Colour, AccountCondition], int] = field(default_factory=dict)
    accounts: Sequence[ListedAccount] = ()


class AccountCounts(NamedTuple):
    """Mails of an account that are on their way, done and still at the source, skipped, or lost at the
    source, and recipients of it that were suppressed or are parked.
    """

    in_flight: int = 0
    settled: int = 0
    skipped: int = 0
    lost: int = 0
    suppressed: int = 0
    parked: int = 0
