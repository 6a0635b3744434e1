"""The ledger: what the fetcher records, under the fence of the account's lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, or_, select

from shared.adapters.sql.conditions import UNSETTLED
from shared.adapters.sql.epochs import allows_deletion
from shared.adapters.sql.part import Part
from shared.adapters.sql.rows import message_of
from shared.adapters.sql.tables import accounts, messages
from shared.adapters.sql.text import key, safe_fetched
from shared.adapters.sql.work import Doubts, Transaction, Work
from shared.custody import decide
from shared.custody.commands import Fence, FetchedMail, NewPlace
from shared.custody.state import Message
from shared.model.message import DELETABLE, IN_FLIGHT, MessageStatus
from shared.ports.store import LeaseLost, LedgerRow, Receipt

AT_ONCE = 1000
FENCED = ("fence", "lease_owner")
PLACE = ("account", "folder", "uidvalidity", "uid")


class SqlLedger(Part):
    """The port's `Ledger`."""

    async def ledger(self, account: str) -> Sequence[LedgerRow]:
        """All mails of an account that are not gone."""
        return await self._transactions.read(lambda transaction: _ledger(transaction, account))

    async def record_fetched(
        self, fence: Fence, mails: Sequence[FetchedMail], now: float, lease: float
    ) -> Sequence[Receipt | None]:
        """Enter mails into the ledger; None for one whose row has moved on, or whose place another row
        holds.
        """
        safe = [*map(safe_fetched, mails)]
        return await self._write_counting(_record, fence, safe, now, lease)

    async def rename(self, fence: Fence, places: Sequence[NewPlace], now: float) -> Sequence[str]:
        """These mails are at the source under other keys now; returns those that were renamed."""
        return await self._transactions.write(_rename, fence, places, now)

    async def start_deleting(
        self, fence: Fence, messages: Sequence[str], now: float, mark: int = 0
    ) -> Sequence[str]:
        """Allow the deletion of those that are settled; returns them, also those that had been allowed
        before.
        """
        return await self._transactions.write(_start_deleting, fence, messages, now, mark)

    async def record_gone(self, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
        """These messages (id: reason) are no longer at the source under their key."""
        await self._transactions.write(_record_gone, fence, reasons, now)

    async def settled_among(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` that are settled, their deletion allowed or not."""
        return await self._transactions.read(lambda transaction: _settled_among(transaction, messages))

    async def lose_all(self, reason: str, now: float) -> int:
        """Declare everything in flight lost, for all accounts."""
        return await self._write_counting(_lose_all, reason, now)


def _ledger(transaction: Transaction, account: str) -> list[LedgerRow]:
    rows = transaction.bulk.select(
        transaction.connection, messages, ["account"], [(account,)], only="NOT t.gone"
    )
    return [_ledger_row(message_of(row)) for row in rows]


def _ledger_row(message: Message) -> LedgerRow:
    return LedgerRow(
        message=message.id,
        key=message.key,
        status=message.status,
        fetch_no=message.fetch_no,
        listed_size=message.listed_size,
        octets=message.octets,
        first_fetched_at=message.first_fetched_at,
        lease_until=message.lease_until,
        blob=message.blob,
        unbacked=message.unbacked,
        header=message.header,
        content=message.content,
    )


def _check(transaction: Transaction, fence: Fence) -> None:
    """Holds the account's row until the end, so that the lease cannot pass on before what it allowed is
    written.
    """
    connection, bulk = transaction
    rows = bulk.select(connection, accounts, ["id"], [(fence.account,)], fields=FENCED, lock=True)
    if not any(number == fence.number and owner is not None for number, owner in rows):
        raise LeaseLost(f"the lease of account {fence.account} has passed on to another process")


def _record(
    transaction: Transaction,
    doubts: Doubts,
    fence: Fence,
    mails: Sequence[FetchedMail],
    now: float,
    lease: float,
) -> list[Receipt | None]:
    _check(transaction, fence)
    work = Work(transaction, doubts)
    work.load(mail.message for mail in mails)
    taken = _places_taken(transaction, fence.account, mails)
    receipts: list[Receipt | None] = []
    for mail in mails:
        known = work.messages.get(mail.message)
        place = _place(fence.account, mail)
        entries = []
        if (known is None and place not in taken) or (known is not None and known.account == fence.account):
            entries = decide.fetched(known, mail, fence.account, now, lease)
        for entry in entries:
            taken.add(place)
            known = work.apply(entry)
        receipts.append(Receipt(mail.message, known.fetch_no) if entries and known else None)
    work.save()
    return receipts


def _place(account: str, mail: FetchedMail) -> tuple[str, str, int, str]:
    """Where the ledger keeps a mail, as the index has it."""
    return account, mail.key.folder, mail.key.uidvalidity, key(mail.key.uid)


def _places_taken(
    transaction: Transaction, account: str, mails: Sequence[FetchedMail]
) -> set[tuple[str, str, int, str]]:
    """The places where a mail would be new but another row is alive: only one at a time may be (rule 4)."""
    places = [_place(account, mail) for mail in mails if mail.known_fetch_no == 0]
    rows = transaction.bulk.select(transaction.connection, messages, PLACE, places, only="NOT t.gone")
    return {(row[2], row[3], row[4], row[5]) for row in rows}


def _rename(transaction: Transaction, fence: Fence, places: Sequence[NewPlace], now: float) -> list[str]:
    _check(transaction, fence)
    work = Work(transaction)
    work.load([place.message for place in places], with_recipients=False)
    keys = [(fence.account, each.key.folder, each.key.uidvalidity, key(each.key.uid)) for each in places]
    rows = transaction.bulk.select(transaction.connection, messages, PLACE, keys, only="NOT t.gone")
    taken = {(row[2], row[3], row[4], row[5]) for row in rows}
    renamed = []
    for place, at in zip(places, keys, strict=True):
        entry = decide.renamed(_own(work, fence, place.message), place, now)
        if entry is None or at in taken:
            continue
        taken.add(at)
        work.apply(entry)
        renamed.append(place.message)
    work.save()
    return renamed


def _start_deleting(
    transaction: Transaction, fence: Fence, ids: Sequence[str], now: float, mark: int
) -> list[str]:
    _check(transaction, fence)
    if not allows_deletion(transaction, mark):
        return []
    work = Work(transaction)
    work.load_leaving(ids)
    allowed = []
    for each in dict.fromkeys(ids):
        entries = decide.deleting(_own(work, fence, each), now)
        if entries is None:
            continue
        allowed.append(each)
        for entry in entries:
            work.apply(entry)
    work.save()
    return allowed


def _record_gone(transaction: Transaction, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
    _check(transaction, fence)
    work = Work(transaction)
    work.load_leaving(reasons)
    for each, reason in reasons.items():
        entry = decide.gone(_own(work, fence, each), reason, now)
        if entry is not None:
            work.apply(entry)
    work.save()


def _own(work: Work, fence: Fence, message: str) -> Message | None:
    known = work.messages.get(message)
    return known if known is not None and known.account == fence.account else None


def _settled_among(transaction: Transaction, ids: Sequence[str]) -> list[str]:
    rows = transaction.bulk.select(transaction.connection, messages, ["id"], [(each,) for each in set(ids)])
    return [row[0] for row in rows if MessageStatus(row[6]) in DELETABLE]


def _lose_all(transaction: Transaction, doubts: Doubts, reason: str, now: float) -> int:
    """Page by page, so that memory is bounded however much was in flight."""
    count, after = 0, ""
    while ids := transaction.connection.execute(_in_flight(after)).scalars().all():
        work = Work(transaction, doubts)
        work.load(ids)
        for known in list(work.messages.values()):
            for entry in decide.lost(known, reason, now):
                work.apply(entry)
                count += 1
        work.save()
        after = ids[-1]
    return count


def _in_flight(after: str) -> Select[str]:
    """Some ids, those after this one, in their order. Nothing that was ever settled is looked at."""
    by_index = select(messages.c.id).with_hint(messages, "INDEXED BY messages_unsettled", "sqlite")
    in_flight = messages.c.status.in_([*map(str, IN_FLIGHT)])
    at_hand = or_(~messages.c.gone, messages.c.unbacked)
    beyond = by_index.where(UNSETTLED, messages.c.id > after, at_hand, in_flight)
    return beyond.order_by(messages.c.id).limit(AT_ONCE)
