"""One change: what it loaded, what it decided, what it has to save.

A `UnitOfWork` holds the messages and claims of a batch, locked. `apply` folds an entry into the message and
remembers it; `save` writes what differs from what was loaded, with the entries. What is not changed
is not written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from shared.adapters.sql.bulk import Bulk, Row
from shared.adapters.sql.rows import (
    CHOSEN,
    DESCRIBED,
    ENDED,
    LEAVING,
    PLACED,
    PROGRESS,
    ROUTED,
    SERVED,
    chosen_row,
    described_row,
    ended_row,
    journal_row,
    leaving_of,
    message_of,
    message_row,
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
    """A transaction under way, and how to say much in it at once."""

    connection: Connection
    bulk: Bulk


class Doubts:
    """How many attempts a transaction found of which nobody saw the end (RFC 1047)."""

    count = 0


class UnitOfWork:
    """The messages of one transaction, as they were and as they will be."""

    def __init__(self, transaction: Transaction, doubts: Doubts | None = None) -> None:
        self.transaction = transaction
        self._doubts = doubts or Doubts()
        self.messages: dict[str, Message] = {}
        self.entries: list[Entry] = []
        self._loaded: dict[str, Message] = {}
        self._described: set[str] = set()
        self._renamed: set[str] = set()
        self._suppressed: list[Row] = []

    def load(self, ids: Iterable[str], *, with_recipients: bool = True) -> None:
        """Lock and load those messages that are not loaded yet; ids that name none are passed over.

        Without their recipients they serve only for entries that do not touch these.
        """
        for message in load_messages(
            self.transaction,
            [each for each in ids if each not in self._loaded],
            with_recipients=with_recipients,
            lock=True,
        ):
            self._loaded[message.id] = self.messages[message.id] = message

    def load_leaving(self, ids: Iterable[str]) -> None:
        """Lock and load those messages as far as deleting them, and seeing that they are gone, needs.

        They serve for no other entries than `Deleting` and `Gone`, which change none of what is not loaded.
        """
        connection, bulk = self.transaction
        keys = [(each,) for each in sorted(set(ids))]
        for row in bulk.select(connection, messages, ["id"], keys, fields=LEAVING, lock=True):
            self._loaded[row[0]] = self.messages[row[0]] = leaving_of(row)

    def before(self, message: str) -> Message | None:
        """The message as it was loaded; None for one that is new."""
        return self._loaded.get(message)

    def apply(self, entry: Entry) -> Message:
        """The message after `entry`, which is to be saved."""
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
        new, described, routed, progressed, ended, placed = [], [], [], [], [], []
        for message in self.messages.values():
            loaded = self._loaded.get(message.id)
            if message.id in self._renamed:
                placed.append(placed_row(message))
            if loaded is None:
                new.append(message_row(message))
            elif message is loaded:
                continue
            elif message.fetch_no != loaded.fetch_no:
                described.append(described_row(message))
            elif message.id in self._described:
                routed.append(routed_row(message))
            elif message.gone_at is not None:
                ended.append(ended_row(message))
            elif (row := progress_row(message)) != progress_row(loaded):
                progressed.append(row)
        with bulk.together(connection):
            bulk.update(connection, messages, PLACED, placed)
            bulk.insert(connection, messages, new)
            bulk.update(connection, messages, DESCRIBED, described)
            bulk.update(connection, messages, ROUTED, routed)
            bulk.update(connection, messages, PROGRESS, progressed)
            bulk.update(connection, messages, ENDED, ended)
            self._save_recipients()
            bulk.put(connection, suppressions, self._suppressed)
            bulk.insert(connection, journal, [*map(journal_row, self.entries)])

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
                    chosen.append(chosen_row(message, recipient))
                else:
                    served.append(served_row(message, recipient))
        connection, bulk = self.transaction
        bulk.insert(connection, recipients, new)
        bulk.update(connection, recipients, CHOSEN, chosen)
        bulk.update(connection, recipients, SERVED, served)


def _may_bring_doubt(before: Message, entry: Entry) -> bool:
    """Whether `entry` can end an attempt, or begin one over it, without anybody having seen its end."""
    if isinstance(entry, (Lost, BlobLost)):
        return True
    return isinstance(entry, DeliveryBegun) and before.status in SETTLED_OR_LATER


def _suppressed_by(entry: Entry, before: Message, after: Message) -> list[Row]:
    """The rows of those recipients who are suppressed since `entry`."""
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
    """The messages with these ids in the ids' order, with their recipients in the addresses' order.

    A mail that was fetched once and not yet routed has no recipients, so none are looked for.
    """
    connection, bulk = transaction
    keys = [(each,) for each in sorted(set(ids))]
    rows = sorted(bulk.select(connection, messages, ["id"], keys, lock=lock), key=lambda row: str(row[0]))
    routed = [
        (row[0],) for row in rows if with_recipients and (row[7] > 1 or row[6] != MessageStatus.FETCHED)
    ]
    found: dict[str, dict[str, Recipient]] = defaultdict(dict)
    for row in bulk.select(connection, recipients, ["message"], routed):
        found[row[0]][row[1]] = recipient_of(row)
    return [message_of(row, found.get(row[0], {})) for row in rows]
