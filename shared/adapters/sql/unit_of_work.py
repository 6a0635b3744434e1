"""The messages of one transaction: what was loaded, what was decided, what has to be saved.

`UnitOfWork.load` locks the messages of a batch. `apply` folds an entry into its message and remembers it.
`save` writes what differs from what was loaded, with the entries. What did not change is not written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection

from shared.adapters.sql.bulk import Bulk, Row
from shared.adapters.sql.rows import (
    BATCHES,
    DESCRIBED,
    ENDED,
    ENTRY,
    LEAVING,
    MESSAGE,
    OBJECT_ID,
    PLACED,
    PROGRESS,
    RECIPIENT,
    ROUTED,
    SERVED,
    SUPPRESSION,
    described_row,
    ended_row,
    journal_rows,
    leaving_message_of,
    message_of,
    message_row,
    object_id_row,
    placed_row,
    progress_row,
    recipient_of,
    recipient_row,
    routed_row,
    served_row,
)
from shared.adapters.sql.tables import journal, messages, recipients, suppressions
from shared.contract.journal import (
    BlobLost,
    DeliveryBegun,
    Entry,
    Fetched,
    Lost,
    ParkedRetried,
    Renamed,
    Republished,
    Routed,
    WaitingResolved,
)
from shared.custody.fold import fold
from shared.custody.state import NO_RECIPIENTS, SETTLED_OR_LATER, Message, Recipient
from shared.model.message import MessageStatus, RecipientStatus


class Transaction(NamedTuple):
    """A transaction under way, with its statements over many rows."""

    connection: Connection
    bulk: Bulk


class DoubtCount:
    """How many attempts a transaction found whose end nobody saw (RFC 1047)."""

    count = 0


ID, STATUS, FETCH_NO = (MESSAGE.index(name) for name in ("id", "status", "fetch_no"))


class UnitOfWork:
    """The messages of one transaction, as they were and as they will be."""

    def __init__(self, transaction: Transaction, doubts: DoubtCount | None = None) -> None:
        self.transaction = transaction
        self._doubts = doubts or DoubtCount()
        self.messages: dict[str, Message] = {}
        self.entries: list[Entry] = []
        self._loaded: dict[str, Message] = {}
        self._described: set[str] = set()
        self._renamed: set[str] = set()
        self._suppressed: list[Row] = []

    def load(self, ids: Iterable[str], *, with_recipients: bool = True) -> None:
        """Lock and load those messages that are not loaded yet; pass over unknown ids.

        Without their recipients they can take only entries that do not concern recipients.
        """
        for message in load_messages(
            self.transaction,
            [each for each in ids if each not in self._loaded],
            with_recipients=with_recipients,
            lock=True,
        ):
            self._loaded[message.id] = self.messages[message.id] = message

    def load_leaving(self, ids: Iterable[str]) -> None:
        """Lock and load the columns `LEAVING` of those messages.

        They can take only the entries `Deleting` and `Gone`, which change nothing else.
        """
        connection, bulk = self.transaction
        keys = [(each,) for each in sorted(set(ids))]
        for row in bulk.select(connection, messages, ["id"], keys, fields=LEAVING, lock=True):
            message = leaving_message_of(row)
            self._loaded[message.id] = self.messages[message.id] = message

    def before(self, message: str) -> Message | None:
        """Return the message as it was loaded; None for a new one."""
        return self._loaded.get(message)

    def apply(self, entry: Entry) -> Message:
        """Fold `entry` into its message and return that; both are to be saved."""
        before = self.messages.get(entry.message)
        message = fold(before, entry)
        if before is not None and _may_bring_doubt(before, entry):
            self._doubts.count += _in_doubt(message) - _in_doubt(before)
        if before is not None and isinstance(entry, (Routed, WaitingResolved, ParkedRetried)):
            self._suppressed += _suppressed_by(entry, before, message)
        self.messages[message.id] = message
        self.entries.append(entry)
        if isinstance(entry, (Fetched, Routed, Republished)):
            self._described.add(message.id)
        elif isinstance(entry, Renamed):
            self._renamed.add(message.id)
        return message

    def save(self) -> None:
        """Write what was changed."""
        connection, bulk = self.transaction
        new, described, routed, progressed, ended, placed, noted = [], [], [], [], [], [], []
        changed = {entry.message for entry in self.entries}
        for message in self.messages.values():
            loaded = self._loaded.get(message.id)
            if message.id in self._renamed:
                placed.append(placed_row(message))
            if loaded is None:
                new.append(message_row(message))
            elif message is loaded:
                if message.id in changed:
                    noted.append((message.id,))
            elif message.fetch_no != loaded.fetch_no:
                described.append(described_row(message))
            elif message.id in self._described:
                routed.append(routed_row(message))
            elif message.gone_at is not None:
                ended.append(ended_row(message))
            elif (row := progress_row(message)) != progress_row(loaded):
                progressed.append(row)
            else:
                noted.append((message.id,))
        entries = journal_rows(self.entries)
        numbered = BATCHES if len(entries) < len(self.entries) else ()
        named = [object_id_row(each) for each in self.messages.values() if each.object_id]
        with bulk.together(connection):
            bulk.insert(connection, journal, ENTRY, entries)
            bulk.update(connection, messages, PLACED, placed)
            bulk.insert(connection, messages, MESSAGE, new, numbered=numbered)
            bulk.update(connection, messages, DESCRIBED, described, numbered=numbered)
            bulk.update(connection, messages, OBJECT_ID, named)
            bulk.update(connection, messages, ROUTED, routed, numbered=numbered)
            bulk.update(connection, messages, PROGRESS, progressed, numbered=numbered)
            bulk.update(connection, messages, ENDED, ended, numbered=numbered)
            if numbered:
                bulk.update(connection, messages, ("id",), noted, numbered=numbered)
            self._save_recipients()
            bulk.put(connection, suppressions, SUPPRESSION, self._suppressed)

    def _save_recipients(self) -> None:
        new, chosen, served = [], [], []
        for message in self.messages.values():
            loaded = self._loaded.get(message.id)
            known = loaded.recipients if loaded else NO_RECIPIENTS
            if message.recipients is known:
                continue
            for address, recipient in message.recipients.items():
                if address not in known:
                    new.append(recipient_row(message, recipient))
                elif recipient is known[address]:
                    continue
                elif message.id in self._described:
                    chosen.append(recipient_row(message, recipient))
                else:
                    served.append(served_row(message, recipient))
        connection, bulk = self.transaction
        bulk.insert(connection, recipients, RECIPIENT, new)
        bulk.update(connection, recipients, RECIPIENT, chosen)
        bulk.update(connection, recipients, SERVED, served)


def _may_bring_doubt(before: Message, entry: Entry) -> bool:
    """Whether `entry` can end an attempt, or begin the next one, without anybody having seen its end."""
    if isinstance(entry, (Lost, BlobLost)):
        return True
    return isinstance(entry, DeliveryBegun) and before.status in SETTLED_OR_LATER


def _suppressed_by(entry: Entry, before: Message, after: Message) -> list[Row]:
    """The columns `SUPPRESSION` of the recipients that `entry` suppressed."""
    suppressed = RecipientStatus.SUPPRESSED
    return [
        (after.id, address, after.account, entry.at)
        for address, each in after.recipients.items()
        if each.status is suppressed
        and ((was := before.recipients.get(address)) is None or was.status is not suppressed)
    ]


def _in_doubt(message: Message) -> int:
    return sum(each.in_doubt for each in message.recipients.values())


def load_messages(
    transaction: Transaction, ids: Iterable[str], *, with_recipients: bool = True, lock: bool = False
) -> list[Message]:
    """Return the messages with these ids, ordered by id, with their recipients.

    A mail that was fetched once and not yet routed has no recipients, so none are looked for.
    """
    connection, bulk = transaction
    keys = [(each,) for each in sorted(set(ids))]
    rows = sorted(
        bulk.select(connection, messages, ["id"], keys, fields=MESSAGE, lock=lock), key=itemgetter(ID)
    )
    routed = [
        (row[ID],)
        for row in rows
        if with_recipients and (row[FETCH_NO] > 1 or row[STATUS] != MessageStatus.FETCHED)
    ]
    found: dict[str, dict[str, Recipient]] = defaultdict(dict)
    for row in bulk.select(connection, recipients, ["message"], routed, fields=RECIPIENT):
        message, recipient = recipient_of(row)
        found[message][recipient.address] = recipient
    return [message_of(row, found.get(row[ID], {})) for row in rows]
