"""Mails leave their sources: their deletion is allowed, and their absence is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.adapters.sql.epochs import allows_deletion
from shared.adapters.sql.ledger.fences import lost_leases, own_message
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.commands import Fence
from shared.ports.store import LeaseLost


class Deletion(NamedTuple):
    """A visit is about to delete these messages; it has seen the epoch's `mark` before."""

    fence: Fence
    messages: Sequence[str]
    now: float
    mark: int


class Absence(NamedTuple):
    """A visit found these messages no longer under their keys, for these reasons."""

    fence: Fence
    reasons: Mapping[str, str]
    now: float


def start_deleting(transaction: Transaction, deletions: Sequence[Deletion]) -> list[list[str] | LeaseLost]:
    """Allow several visits to delete what is settled; return what each may delete.

    A visit whose lease no longer holds gets the error.
    """
    lost = lost_leases(transaction, [each.fence for each in deletions])
    allowing = {mark: allows_deletion(transaction, mark) for mark in {each.mark for each in deletions}}
    may = [each for each in deletions if each.fence not in lost and allowing[each.mark]]
    work = UnitOfWork(transaction)
    work.load_leaving(message for each in may for message in each.messages)
    answers: list[list[str] | LeaseLost] = [
        lost.get(each.fence) or (_allowed(work, each) if allowing[each.mark] else []) for each in deletions
    ]
    work.save()
    return answers


def record_gone(transaction: Transaction, absences: Sequence[Absence]) -> list[LeaseLost | None]:
    """Record which messages several visits no longer found."""
    lost = lost_leases(transaction, [each.fence for each in absences])
    held = [each for each in absences if each.fence not in lost]
    work = UnitOfWork(transaction)
    work.load_leaving(message for each in held for message in each.reasons)
    for each in held:
        for message, reason in each.reasons.items():
            entry = decide.mark_gone(own_message(work, each.fence, message), reason, each.now)
            if entry is not None:
                work.apply(entry)
    work.save()
    return [lost.get(each.fence) for each in absences]


def _allowed(work: UnitOfWork, deletion: Deletion) -> list[str]:
    allowed = []
    for each in dict.fromkeys(deletion.messages):
        entries = decide.allow_deletion(own_message(work, deletion.fence, each), deletion.now)
        if entries is None:
            continue
        allowed.append(each)
        for entry in entries:
            work.apply(entry)
    return allowed
