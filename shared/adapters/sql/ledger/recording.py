"""Mails that were fetched are entered into the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.adapters.sql.ledger.fences import lost_leases
from shared.adapters.sql.ledger.source_keys import SourceKey, keys_in_use, source_key
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
    in_use = keys_in_use(transaction, _new_keys(held))
    answers: list[list[Receipt | None] | LeaseLost] = [
        lost.get(each.fence) or _receipts(work, in_use, each) for each in recordings
    ]
    work.save()
    return answers


def _new_keys(recordings: Sequence[Recording]) -> list[SourceKey]:
    """The keys of mails that are new. Each key may have one row that is not gone (custody rule 4)."""
    return [
        source_key(each.fence.account, mail.key)
        for each in recordings
        for mail in each.mails
        if mail.known_fetch_no == 0
    ]


def _receipts(work: UnitOfWork, in_use: set[SourceKey], recording: Recording) -> list[Receipt | None]:
    account = recording.fence.account
    receipts: list[Receipt | None] = []
    for mail in recording.mails:
        known = work.messages.get(mail.message)
        key = source_key(account, mail.key)
        entries = []
        if (known is None and key not in in_use) or (known is not None and known.account == account):
            entries = decide.record_fetch(known, mail, account, recording.now, recording.lease)
        for entry in entries:
            in_use.add(key)
            known = work.apply(entry)
        receipts.append(Receipt(mail.message, known.fetch_no) if entries and known else None)
    return receipts
