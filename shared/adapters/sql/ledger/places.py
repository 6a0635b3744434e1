"""Where mails are at their sources: at each place the ledger keeps one row that is not gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.adapters.sql.ledger.fences import lost_leases, own_message
from shared.adapters.sql.tables import messages
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.custody.commands import Fence, NewPlace
from shared.model.message import LedgerKey


class Place(NamedTuple):
    """The place of a mail, as in the index `messages_at_source`."""

    account: str
    folder: str
    uidvalidity: int
    uid: str


def place_of(account: str, ledger_key: LedgerKey) -> Place:
    """Return the place of a mail of an account."""
    return Place(account, ledger_key.folder, ledger_key.uidvalidity, key(ledger_key.uid))


def places_taken(transaction: Transaction, places: Sequence[Place]) -> set[Place]:
    """Return those of the places that have a row that is not gone."""
    connection, bulk = transaction
    columns = Place._fields
    rows = bulk.select(connection, messages, columns, places, fields=columns, only="NOT t.gone")
    return {*map(Place._make, rows)}


def rename_mails(transaction: Transaction, fence: Fence, places: Sequence[NewPlace], now: float) -> list[str]:
    """Move messages to other places; return those that were moved. Raises `LeaseLost`."""
    for lost in lost_leases(transaction, [fence]).values():
        raise lost
    work = UnitOfWork(transaction)
    work.load([each.message for each in places], with_recipients=False)
    wanted = [place_of(fence.account, each.key) for each in places]
    taken = places_taken(transaction, wanted)
    renamed = []
    for each, place in zip(places, wanted, strict=True):
        entry = decide.rename(own_message(work, fence, each.message), each, now)
        if entry is None or place in taken:
            continue
        taken.add(place)
        work.apply(entry)
        renamed.append(each.message)
    work.save()
    return renamed
