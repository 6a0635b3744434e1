"""Mails that were read are entered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.adapters.sql.ledger.fences import lost_leases
from shared.adapters.sql.ledger.places import Place, place_of, places_taken
from shared.adapters.sql.unit_of_work import Doubts, Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.commands import Fence, FetchedMail
from shared.ports.store import LeaseLost, Receipt


class Recording(NamedTuple):
    """A visit wants these mails entered; `lease` in seconds from `now`."""

    fence: Fence
    mails: Sequence[FetchedMail]
    now: float
    lease: float


def record(
    transaction: Transaction, doubts: Doubts, asked: Sequence[Recording]
) -> list[list[Receipt | None] | LeaseLost]:
    """Enter the mails of several visits; those whose lease has passed on enter none."""
    lost = lost_leases(transaction, [each.fence for each in asked])
    held = [each for each in asked if each.fence not in lost]
    work = UnitOfWork(transaction, doubts)
    work.load(mail.message for each in held for mail in each.mails)
    taken = places_taken(transaction, _new_places(held))
    told: list[list[Receipt | None] | LeaseLost] = [
        lost.get(each.fence) or _receipts(work, taken, each) for each in asked
    ]
    work.save()
    return told


def _new_places(asked: Sequence[Recording]) -> list[Place]:
    """Where mails would be new. Only one row may be alive at a place at a time (rule 4)."""
    return [
        place_of(each.fence.account, mail.key)
        for each in asked
        for mail in each.mails
        if mail.known_fetch_no == 0
    ]


def _receipts(work: UnitOfWork, taken: set[Place], asked: Recording) -> list[Receipt | None]:
    account = asked.fence.account
    receipts: list[Receipt | None] = []
    for mail in asked.mails:
        known = work.messages.get(mail.message)
        place = place_of(account, mail.key)
        entries = []
        if (known is None and place not in taken) or (known is not None and known.account == account):
            entries = decide.record_fetch(known, mail, account, asked.now, asked.lease)
        for entry in entries:
            taken.add(place)
            known = work.apply(entry)
        receipts.append(Receipt(mail.message, known.fetch_no) if entries and known else None)
    return receipts
