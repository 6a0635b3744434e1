"""The store: the truth about accounts, messages, recipients and claims, and the journal of how it came about.

Obligations of an adapter
- Each call is one transaction: all of it happens, journal entries included, or none. On return it is durable.
- Changes are made only as `shared.custody.decide` allows, on state that nobody else changes meanwhile.
- Conflicts with other processes (deadlock, serialisation, busy database) are retried inside; what remains is
  raised as `StoreUnavailable`. A call that raised may be made again.
- `now` is passed in (seconds since the epoch); the adapter has no clock of its own.
- A call that has no answer after a time that the adapter is given raises `StoreUnavailable`. Whether it was
  carried out is unknown then, as where an answer was lost.
- Calls take batches and cost a bounded number of statements per batch, not per message.

Each service asks for the part that it needs; `Store` is all of them.
"""

from __future__ import annotations

from typing import Protocol

from shared.ports.store.blob_retention import BlobRetention
from shared.ports.store.catch_alls import CatchAll, CatchAlls
from shared.ports.store.deliveries import Begun, Concluded, Deliveries, Early, Routings, Serving
from shared.ports.store.epochs import Epoch, Epochs
from shared.ports.store.errors import (
    LeaseLost,
    RawMailNeeded,
    SchemaOutdated,
    StoreDamaged,
    StoreUnavailable,
)
from shared.ports.store.leases import (
    LONGEST_WAIT,
    AccountState,
    Lease,
    Leases,
    Release,
    Schedule,
    VisitReport,
)
from shared.ports.store.ledger import Ledger, LedgerRow, Receipt
from shared.ports.store.notices import Notices
from shared.ports.store.operator_queries import OperatorQueries, Parked, TargetState, whole_journal
from shared.ports.store.outages import Outage, Outages
from shared.ports.store.pauses import EVERYTHING, Pause, Pauses
from shared.ports.store.pruning import Pruned, Pruning
from shared.ports.store.recovery import Recovery
from shared.ports.store.standings import AccountSummaries, AccountSummary, CustodySummary
from shared.ports.store.target_facts import FactKind, TargetFact, TargetFacts

__all__ = [
    "EVERYTHING",
    "LONGEST_WAIT",
    "AccountState",
    "AccountSummaries",
    "AccountSummary",
    "Begun",
    "BlobRetention",
    "CatchAll",
    "CatchAlls",
    "Concluded",
    "CustodySummary",
    "Deliveries",
    "Early",
    "Epoch",
    "Epochs",
    "FactKind",
    "Lease",
    "LeaseLost",
    "Leases",
    "Ledger",
    "LedgerRow",
    "Notices",
    "OperatorQueries",
    "Outage",
    "Outages",
    "Parked",
    "Pause",
    "Pauses",
    "Pruned",
    "Pruning",
    "RawMailNeeded",
    "Receipt",
    "Recovery",
    "Release",
    "Routings",
    "Schedule",
    "SchemaOutdated",
    "Serving",
    "Store",
    "StoreDamaged",
    "StoreUnavailable",
    "TargetFact",
    "TargetFacts",
    "TargetState",
    "VisitReport",
    "whole_journal",
]


class Store(
    Leases,
    Pauses,
    Ledger,
    Routings,
    Deliveries,
    Recovery,
    Epochs,
    Pruning,
    Outages,
    BlobRetention,
    Notices,
    OperatorQueries,
    CatchAlls,
    TargetFacts,
    AccountSummaries,
    Protocol,
):
    """All of it, and its life."""

    async def check(self, *, writing: bool = False) -> None:
        """Raises `StoreUnavailable` or `SchemaOutdated` where the store cannot be used; with `writing` also
        where it may only be read.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
