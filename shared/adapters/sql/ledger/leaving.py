"""Mails leave their sources: their deletion is allowed, and that they are gone is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.adapters.sql.epochs import allows_deletion
from shared.adapters.sql.ledger.fences import lost_leases, own
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.commands import Fence
from shared.ports.store import LeaseLost


class Deletion(NamedTuple):
    """A visit wants to delete these messages; it has seen the epoch's `mark` before."""

    fence: Fence
    messages: Sequence[str]
    now: float
    mark: int


class Absence(NamedTuple):
    """A visit found these messages no longer at their places, for these reasons."""

    fence: Fence
    reasons: Mapping[str, str]
    now: float


def start_deleting(transaction: Transaction, asked: Sequence[Deletion]) -> list[list[str] | LeaseLost]:
    """Allow the deletion of what is settled, for several visits; those whose lease has passed on may delete
    nothing.
    """
    lost = lost_leases(transaction, [each.fence for each in asked])
    allowing = {mark: allows_deletion(transaction, mark) for mark in {each.mark for each in asked}}
    may = [each for each in asked if each.fence not in lost and allowing[each.mark]]
    work = UnitOfWork(transaction)
    work.load_leaving(message for each in may for message in each.messages)
    told: list[list[str] | LeaseLost] = [
        lost.get(each.fence) or (_allowed(work, each) if allowing[each.mark] else []) for each in asked
    ]
    work.save()
    return told


def record_gone(transaction: Transaction, asked: Sequence[Absence]) -> list[LeaseLost | None]:
    """Record what several visits did not find any more."""
    lost = lost_leases(transaction, [each.fence for each in asked])
    held = [each for each in asked if each.fence not in lost]
    work = UnitOfWork(transaction)
    work.load_leaving(message for each in held for message in each.reasons)
    for each in held:
        for message, reason in each.reasons.items():
            entry = decide.mark_gone(own(work, each.fence, message), reason, each.now)
            if entry is not None:
                work.apply(entry)
    work.save()
    return [lost.get(each.fence) for each in asked]


def _allowed(work: UnitOfWork, asked: Deletion) -> list[str]:
    allowed = []
    for each in dict.fromkeys(asked.messages):
        entries = decide.allow_deletion(own(work, asked.fence, each), asked.now)
        if entries is None:
            continue
        allowed.append(each)
        for entry in entries:
            work.apply(entry)
    return allowed
