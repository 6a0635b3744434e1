"""The keys of mails at their sources. For each, the ledger has at most one row that is not gone."""

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


class SourceKey(NamedTuple):
    """What identifies a mail among all mails at all sources, as in the unique index `messages_at_source`."""

    account: str
    folder: str
    uidvalidity: int
    uid: str


def source_key(account: str, ledger_key: LedgerKey) -> SourceKey:
    """Return the key of a mail of an account."""
    return SourceKey(account, ledger_key.folder, ledger_key.uidvalidity, key(ledger_key.uid))


def keys_in_use(transaction: Transaction, keys: Sequence[SourceKey]) -> set[SourceKey]:
    """Return those of the keys that have a row that is not gone."""
    connection, bulk = transaction
    columns = SourceKey._fields
    rows = bulk.select(connection, messages, columns, keys, fields=columns, only="NOT t.gone")
    return {*map(SourceKey._make, rows)}


def rename_mails(transaction: Transaction, fence: Fence, places: Sequence[NewPlace], now: float) -> list[str]:
    """Record other keys of messages; return the messages that have them now. Raises `LeaseLost`."""
    for lost in lost_leases(transaction, [fence]).values():
        raise lost
    work = UnitOfWork(transaction)
    work.load([each.message for each in places], with_recipients=False)
    wanted = [source_key(fence.account, each.key) for each in places]
    in_use = keys_in_use(transaction, wanted)
    renamed = []
    for each, new_key in zip(places, wanted, strict=True):
        entry = decide.rename(own_message(work, fence, each.message), each, now)
        if entry is None or new_key in in_use:
            continue
        in_use.add(new_key)
        work.apply(entry)
        renamed.append(each.message)
    work.save()
    return renamed
