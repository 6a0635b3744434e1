"""Mails that were fetched are entered into the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.adapters.sql.ledger.fences import lost_leases
from shared.adapters.sql.ledger.places import Place, place_of, places_taken
from shared.adapters.sql.unit_of_work import DoubtCount, Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.commands import Fence, FetchedMail
from shared.ports.store import LeaseLost, Receipt


class Recording(NamedTuple):
    """A visit fetched these mails; their message lease is `lease` seconds from `now`."""

    fence: Fence
    mails: Sequence[FetchedMail]
    now: float
    lease: float


def record_fetched(
    transaction: Transaction, doubts: DoubtCount, recordings: Sequence[Recording]
) -> list[list[Receipt | None] | LeaseLost]:
    """Enter the mails of several visits; a visit whose lease no longer holds enters none."""
    lost = lost_leases(transaction, [each.fence for each in recordings])
    held = [each for each in recordings if each.fence not in lost]
    work = UnitOfWork(transaction, doubts)
    work.load(mail.message for each in held for mail in each.mails)
    taken = places_taken(transaction, _new_places(held))
    answers: list[list[Receipt | None] | LeaseLost] = [
        lost.get(each.fence) or _receipts(work, taken, each) for each in recordings
    ]
    work.save()
    return answers


def _new_places(recordings: Sequence[Recording]) -> list[Place]:
    """The places of mails that are new there. Each may have one row that is not gone (custody rule 4)."""
    return [
        place_of(each.fence.account, mail.key)
        for each in recordings
        for mail in each.mails
        if mail.known_fetch_no == 0
    ]


def _receipts(work: UnitOfWork, taken: set[Place], recording: Recording) -> list[Receipt | None]:
    account = recording.fence.account
    receipts: list[Receipt | None] = []
    for mail in recording.mails:
        known = work.messages.get(mail.message)
        place = place_of(account, mail.key)
        entries = []
        if (known is None and place not in taken) or (known is not None and known.account == account):
            entries = decide.record_fetch(known, mail, account, recording.now, recording.lease)
        for entry in entries:
            taken.add(place)
            known = work.apply(entry)
        receipts.append(Receipt(mail.message, known.fetch_no) if entries and known else None)
    return receipts
