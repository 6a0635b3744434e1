"""Fences: whether the lease under which something is recorded still holds."""

from __future__ import annotations

from collections.abc import Iterable

from shared.adapters.sql.tables import accounts
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody.commands import Fence
from shared.custody.state import Message
from shared.ports.store import LeaseLost


def lost_leases(transaction: Transaction, fences: Iterable[Fence]) -> dict[Fence, LeaseLost]:
    """Return those fences whose lease no longer holds, with the error that says so.

    The rows of all these accounts are locked until the end of the transaction, so that no lease can pass on
    before what it allowed is written.
    """
    given = set(fences)
    return {
        fence: LeaseLost(f"the lease of account {fence.account} has passed on to another process")
        for fence in given - _held(transaction, given)
    }


def _held(transaction: Transaction, given: set[Fence]) -> set[Fence]:
    connection, bulk = transaction
    keys = [(account,) for account in sorted({fence.account for fence in given})]
    rows = bulk.select(connection, accounts, ["id"], keys, fields=("id", "fence", "lease_owner"), lock=True)
    return {Fence(account, number) for account, number, owner in rows if owner is not None}


def own_message(work: UnitOfWork, fence: Fence, message: str) -> Message | None:
    """Return the message, if it is one of the account's."""
    known = work.messages.get(message)
    return known if known is not None and known.account == fence.account else None
