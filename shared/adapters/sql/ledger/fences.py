"""Fences: whether the lease under which something is recorded still holds."""

from __future__ import annotations

from collections.abc import Iterable

from shared.adapters.sql.tables import accounts
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody.commands import Fence
from shared.custody.state import Message
from shared.ports.store import LeaseLost

FIELDS = ("id", "fence", "lease_owner")


def lost_leases(transaction: Transaction, fences: Iterable[Fence]) -> dict[Fence, LeaseLost]:
    """Those fences whose lease has passed on, with the error that says so.

    Holds the rows of all these accounts until the end, so that no lease can pass on before what it allowed
    is written.
    """
    asked = set(fences)
    return {
        fence: LeaseLost(f"the lease of account {fence.account} has passed on to another process")
        for fence in asked - _held(transaction, asked)
    }


def _held(transaction: Transaction, asked: set[Fence]) -> set[Fence]:
    connection, bulk = transaction
    keys = [(account,) for account in sorted({fence.account for fence in asked})]
    rows = bulk.select(connection, accounts, ["id"], keys, fields=FIELDS, lock=True)
    return {Fence(account, number) for account, number, owner in rows if owner is not None}


def own(work: UnitOfWork, fence: Fence, message: str) -> Message | None:
    """The message, if it is one of the account's."""
    known = work.messages.get(message)
    return known if known is not None and known.account == fence.account else None
